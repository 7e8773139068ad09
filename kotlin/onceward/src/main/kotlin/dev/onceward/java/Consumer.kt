package dev.onceward.java

import dev.onceward.Consumer as KotlinConsumer
import dev.onceward.DeadLetter
import dev.onceward.Event
import dev.onceward.EventBatch
import dev.onceward.Publish
import dev.onceward.Settings
import dev.onceward.Summary
import dev.onceward.Until
import java.util.concurrent.CompletableFuture
import java.util.concurrent.CompletionStage
import kotlinx.coroutines.CoroutineScope
import kotlinx.coroutines.Dispatchers
import kotlinx.coroutines.SupervisorJob
import kotlinx.coroutines.future.await
import kotlinx.coroutines.future.future
import kotlinx.coroutines.runBlocking
import kotlinx.coroutines.runInterruptible

/** Handles one event, on a thread that may block. Returning is success. */
public fun interface Handler {
    @Throws(Exception::class)
    public fun handle(event: Event)
}

/** Handles one event without a thread of its own: it is handled when the stage is complete. */
public fun interface AsyncHandler {
    @Throws(Exception::class)
    public fun handle(event: Event): CompletionStage<*>
}

/** Handles several events in one call, on a thread that may block. */
public fun interface BatchHandler {
    @Throws(Exception::class)
    public fun handle(batch: EventBatch)
}

/**
 * A consumer for Java: plain lambdas, threads that may block, and futures.
 *
 * ```java
 * var settings = new Settings();
 * settings.setBrokers("localhost:9092");
 * settings.setGroup("billing");
 * settings.setInbox("sqlite:billing.db");
 * settings.setAutoOffsetReset("earliest");
 * try (var app = new Consumer(settings)) {
 *     app.on("orders", event -> charge(event));
 *     app.run();
 * }
 * ```
 *
 * A wrong setting throws `ConfigException` here, with every problem at once. Handlers that block have threads of their own: virtual ones from
 * Java 21 on.
 */
public class Consumer(settings: Settings) : AutoCloseable {
    private val app = KotlinConsumer { take(settings) }
    private val scope = CoroutineScope(SupervisorJob() + Dispatchers.Default)

    /** What a rig takes. */
    public fun unwrap(): KotlinConsumer = app

    /** Handles the events of a topic, one per call. A handler that is past its timeout is interrupted. */
    @JvmOverloads
    public fun on(topic: String, options: HandlerOptions = HandlerOptions(), handler: Handler): Consumer = on(topic, options, Threads.dispatcher) {
        runInterruptible { handler.handle(it) }
    }

    /** As [on], without a thread for each event. */
    @JvmOverloads
    public fun onAsync(topic: String, options: HandlerOptions = HandlerOptions(), handler: AsyncHandler): Consumer =
        on(topic, options, Dispatchers.Default) { handler.handle(it).await() }

    /** Handles the events of a topic several at a time: as many as are ready. */
    @JvmOverloads
    public fun onBatch(topic: String, options: HandlerOptions = HandlerOptions(), handler: BatchHandler): Consumer = apply {
        val (types, retry, fatal, timeout, maxRate) = options.common()
        app.onBatch(
            topic, types = types, retry = retry, fatal = fatal, timeout = timeout, maxRate = maxRate, size = options.size, atOnce = options.atOnce,
            context = Threads.dispatcher,
        ) { batch -> runInterruptible { handler.handle(batch) } }
    }

    /** Calls a function for each event that this consumer gives up: when the letter is durable, one after the other. */
    public fun onDeadLetter(call: java.util.function.Consumer<DeadLetter>): Consumer = apply {
        app.onDeadLetter { letter -> kotlinx.coroutines.withContext(Threads.dispatcher) { call.accept(letter) } }
    }

    /** Runs on this thread until [stop], [close] or SIGTERM; then drains, commits and ends. Interrupted, it drains as well. */
    @Throws(InterruptedException::class)
    public fun run(): Summary = runBlocking { app.run() }

    /** Runs until every partition is read to its end. */
    @Throws(InterruptedException::class)
    public fun runUntilEnd(): Summary = runBlocking { app.run(Until.End) }

    /**
     * Runs beside this thread; the future ends with the run. Cancelled, the run drains.
     *
     * @param signals whether the end of the JVM (SIGTERM, Ctrl-C) waits for the drain. False where something else stops the run, as Spring does.
     */
    @JvmOverloads
    public fun start(signals: Boolean = true): CompletableFuture<Summary> = scope.future { app.run(signals = signals) }

    /** Asks a run to drain and end. Asking twice is fine. */
    public fun stop(): Unit = app.stop()

    /** Stops it, and waits for the end of the run; not from within a handler. */
    override fun close(): Unit = app.close()

    /** Publishes from outside of handlers, while the consumer runs. The event's id, when it is durable. */
    public fun publish(topic: String, record: Publish): CompletableFuture<String> = scope.future { app.publish(topic, record) }

    /** Starts no handler of this topic any more. */
    public fun pause(topic: String): Unit = app.pause(topic)

    /** Starts handlers of this topic again. */
    public fun resume(topic: String): Unit = app.resume(topic)

    private fun on(topic: String, options: HandlerOptions, where: kotlin.coroutines.CoroutineContext, call: suspend (Event) -> Unit): Consumer =
        apply {
            val (types, retry, fatal, timeout, maxRate) = options.common()
            app.on(
                topic, types = types, retry = retry, fatal = fatal, timeout = timeout, maxRate = maxRate, reads = options.reads, context = where,
                handler = call,
            )
        }
}
