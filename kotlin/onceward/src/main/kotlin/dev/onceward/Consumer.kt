package dev.onceward

import dev.onceward.internal.Fatal
import dev.onceward.internal.Handler
import dev.onceward.internal.Json
import dev.onceward.internal.Library
import dev.onceward.internal.Life
import dev.onceward.internal.NativeSession
import dev.onceward.internal.record
import kotlinx.coroutines.Dispatchers
import kotlinx.coroutines.flow.Flow
import kotlinx.coroutines.withContext
import java.nio.file.Path
import kotlin.coroutines.CoroutineContext
import kotlin.coroutines.EmptyCoroutineContext
import kotlin.reflect.KClass
import kotlin.time.Duration

/** Where a group begins that has no offset yet. */
public enum class OffsetReset(internal val written: String) { Earliest("earliest"), Latest("latest"), Error("error") }

/** How long a run goes on. */
public enum class Until {
    /** Until it is stopped. */
    Stopped,

    /** Until every partition is read to its end, and everything is handled or dead-lettered. */
    End,
}

/**
 * A consumer: handlers for topics, in one group.
 *
 * ```kotlin
 * Consumer(brokers = "localhost:9092", group = "billing", inbox = "sqlite:billing.db", autoOffsetReset = Earliest).use { app ->
 *     app.on("orders", retry = Backoff(attempts = 5, first = 200.milliseconds)) { event -> charge(event) }
 *     app.run()
 * }
 * ```
 *
 * A wrong setting throws [ConfigException] here, with every problem at once.
 *
 * @param file a TOML file to start from, with `ONCEWARD_*` variables over it; settings given here win.
 * @param context where handlers run: a dispatcher, and what else they are to find in their coroutine's context. Default: [Dispatchers.Default].
 * @param settings all other settings.
 */
public class Consumer(
    brokers: String? = null,
    group: String? = null,
    inbox: String? = null,
    autoOffsetReset: OffsetReset? = null,
    file: Path? = null,
    private val context: CoroutineContext = EmptyCoroutineContext,
    settings: Settings.() -> Unit = {},
) : AutoCloseable {
    private val document: Map<String, Any?>
    private val handlers = ArrayList<Handler>()
    private var letters: (suspend (DeadLetter) -> Unit)? = null

    @Volatile
    private var life: Life? = null

    init {
        Library.load()
        val given = Settings().apply(settings)
        brokers?.let { given.brokers = it }
        group?.let { given.group = it }
        inbox?.let { given.inbox = it }
        autoOffsetReset?.let { given.autoOffsetReset = it.written }
        document = buildMap {
            file?.let { put("file", it.toString()) }
            put("config", given.written())
        }
        // Opened for its checks only.
        open(emptyList()).close()
    }

    /**
     * Handles the events of topics, one per call.
     *
     * @param types only events of these types. Default: of all types that no other handler is for.
     * @param retry the retry policy.
     * @param fatal what is given up at once, with the reason `rejected`: exception classes, subclasses included.
     * @param isFatal a predicate for the same.
     * @param timeout how long one call may take: the `handler_timeout` of its topics, also for their other handlers. Default 60 s.
     * @param maxRate events that may start per second.
     * @param reads the handler calls [Event.query]; its events are handed over one by one.
     * @param context where this handler runs, over the consumer's.
     */
    @JvmSynthetic
    public fun on(
        vararg topics: String,
        types: List<String> = emptyList(),
        retry: Backoff? = null,
        fatal: List<KClass<out Throwable>> = emptyList(),
        isFatal: ((Throwable) -> Boolean)? = null,
        timeout: Duration? = null,
        maxRate: Double? = null,
        reads: Boolean = false,
        context: CoroutineContext = EmptyCoroutineContext,
        handler: suspend (Event) -> Unit,
    ): Consumer = register {
        val declared = declared(topics, types, retry, timeout, maxRate) + ("reads" to reads)
        Handler(declared, Fatal(fatal.map { it.java }, isFatal), context, handler, null)
    }

    /**
     * Handles the events of topics several at a time: as many as are ready.
     *
     * @param size most events of one call. Default 500.
     * @param atOnce calls at once. Default 1.
     */
    @JvmSynthetic
    public fun onBatch(
        vararg topics: String,
        types: List<String> = emptyList(),
        retry: Backoff? = null,
        fatal: List<KClass<out Throwable>> = emptyList(),
        isFatal: ((Throwable) -> Boolean)? = null,
        timeout: Duration? = null,
        maxRate: Double? = null,
        size: Int? = null,
        atOnce: Int? = null,
        context: CoroutineContext = EmptyCoroutineContext,
        handler: suspend (EventBatch) -> Unit,
    ): Consumer = register {
        val batch = mapOf("batch" to true, "batch_size" to size, "batches_at_once" to atOnce)
        Handler(declared(topics, types, retry, timeout, maxRate) + batch, Fatal(fatal.map { it.java }, isFatal), context, null, handler)
    }

    /**
     * Calls a function for each event that this consumer gives up: when the letter is durable, one after the other, and never in the way of
     * handlers. What it throws is logged and changes nothing.
     */
    @JvmSynthetic
    public fun onDeadLetter(call: suspend (DeadLetter) -> Unit): Consumer = apply {
        if (life != null) throw ClosedException("this consumer runs already; register functions before run()")
        val message = "has a function already; call what else is to hear of letters from there"
        if (letters != null) throw ConfigException("onDeadLetter: $message", listOf(Problem("on_dead_letter", message)))
        letters = call
    }

    /**
     * Runs until [stop], [close], SIGTERM, or the cancellation of this coroutine; then drains, commits and ends. Handlers run where `context`
     * says, and all of them have ended, or been cancelled, when it returns.
     *
     * @param signals whether the end of the JVM (SIGTERM, Ctrl-C) waits for the drain.
     * @throws OncewardException what keeps it from starting or going on.
     */
    @JvmSynthetic
    public suspend fun run(until: Until = Until.Stopped, signals: Boolean = true): Summary = begin(handlers).run(until, signals)

    /**
     * Runs, and gives the events of topics one after the other, in place of a handler. An event is handled when the collector comes back for
     * the next one; when it leaves by an exception or by cancellation, the event in hand is handled again after the next start. One event at a
     * time: handlers do more at once.
     */
    @JvmSynthetic
    public fun events(vararg topics: String, retry: Backoff? = null, until: Until = Until.Stopped): Flow<Event> =
        dev.onceward.internal.flow { take ->
            val handler = Handler(declared(topics, emptyList(), retry, null, null), Fatal(emptyList(), null), EmptyCoroutineContext, take, null)
            begin(handlers + handler, mapOf("concurrency" to 1)) to until
        }

    /** Asks a run to drain and end. Asking twice is fine. */
    public fun stop() {
        life?.stop()
    }

    /** Stops it, and waits for the end of the run; not from within a handler. */
    override fun close() {
        life?.close()
    }

    /** Publishes from outside of handlers, while the consumer runs. The event's id, when it is durable. */
    @JvmSynthetic
    public suspend fun publish(topic: String, record: Publish): String {
        val session = started()
        return withContext(Dispatchers.IO) { asked { session.publish(record.record(topic)) } }
    }

    /** Starts no handler of this topic any more. Running ones go on to their end; the topic keeps its partitions. */
    public fun pause(topic: String): Unit = asked { started().suspendTopic(topic, true) }

    /** Starts handlers of this topic again. */
    public fun resume(topic: String): Unit = asked { started().suspendTopic(topic, false) }

    private fun register(make: () -> Handler): Consumer = apply {
        if (life != null) throw ClosedException("this consumer runs already; register handlers before run()")
        handlers.add(make())
    }

    private fun started(): NativeSession =
        life?.takeIf { it.isOpen }?.session ?: throw ClosedException("this consumer does not run; call this while run() is under way")

    @Synchronized
    private fun begin(handlers: List<Handler>, more: Map<String, Any?> = emptyMap()): Life {
        if (life?.isOpen == true) throw ClosedException("this consumer runs already")
        return opened(handlers, more).also { life = it }
    }

    /** A life of its own: a run, or a rig's. */
    internal fun opened(handlers: List<Handler> = this.handlers.toList(), more: Map<String, Any?> = emptyMap()): Life =
        Life(open(handlers, more), handlers, letters, Dispatchers.Default + context)

    private fun open(handlers: List<Handler>, more: Map<String, Any?> = emptyMap()): NativeSession {
        val config = (document["config"] as Map<*, *>) + more
        val told = if (letters == null) null else 0
        val whole = document + mapOf("config" to config, "handlers" to handlers.map { it.declared }, "channels" to 1, "on_dead_letter" to told)
        return asked { NativeSession.open(Json.write(whole)) }
    }

    private fun declared(topics: Array<out String>, types: List<String>, retry: Backoff?, timeout: Duration?, maxRate: Double?): Map<String, Any?> {
        require(topics.isNotEmpty()) { "name the topics: app.on(\"orders\") { event -> … }" }
        return mapOf("topics" to topics.asList(), "types" to types, "retry" to retry?.written(), "timeout" to timeout?.written(), "max_rate" to maxRate)
    }
}
