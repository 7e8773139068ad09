package dev.onceward.internal

import dev.onceward.DeadLetter
import dev.onceward.OncewardException
import dev.onceward.Summary
import dev.onceward.Until
import dev.onceward.asked
import kotlinx.coroutines.CompletableDeferred
import kotlinx.coroutines.NonCancellable
import kotlinx.coroutines.runBlocking
import kotlinx.coroutines.withContext
import org.slf4j.MDC
import java.time.Duration
import kotlin.coroutines.CoroutineContext

/** A session that was opened: for one run, or for a rig. */
internal class Life(
    val session: NativeSession,
    handlers: List<Handler>,
    onDeadLetter: (suspend (DeadLetter) -> Unit)?,
    context: CoroutineContext,
) {
    private val base = if (hasMdc) MDC.getCopyOfContextMap().orEmpty() else emptyMap()
    private val pump = Pump(session, handlers, onDeadLetter, context, base)
    private val ended = CompletableDeferred<Unit>()

    val isOpen: Boolean get() = ended.isActive

    /** Takes work from now on. */
    fun pump() = pump.start()

    suspend fun run(until: Until, signals: Boolean): Summary {
        val hook = Thread({ stop(); safely(Unit) { runBlocking { ended.await() } } }, "onceward-shutdown")
        try {
            Lines.start()
            pump()
            asked { session.start(until == Until.End) }
            if (signals) safely(Unit) { Runtime.getRuntime().addShutdownHook(hook) }
            try {
                pump.closed.await()
            } finally {
                // Cancelled, it drains all the same: what runs comes to its end, and what is done is committed.
                session.stop()
                withContext(NonCancellable) { pump.closed.join() }
            }
            return summary(asked { session.ended(LAST) })
        } finally {
            if (signals) safely(Unit) { Runtime.getRuntime().removeShutdownHook(hook) }
            finish()
            Lines.stop()
            ended.complete(Unit)
        }
    }

    /** Asks it to drain and end. */
    fun stop() {
        if (isOpen) safely(Unit) { session.stop() }
    }

    /** Nothing is handed out any more, and the native side is let go of. */
    fun finish() {
        session.finish()
        session.close()
    }

    /** Stops it, and waits for the end. Why it ended is told by run() alone: thrown here as well, it would bury what the block itself throws. */
    fun close() {
        stop()
        runBlocking { ended.await() }
    }

    private fun summary(text: String?): Summary {
        val found = text?.let(Json::read) as? Map<*, *> ?: emptyMap<String, Any?>()
        fun number(name: String) = found[name] as? Long ?: 0
        return Summary(
            number("handled"), number("duplicates"), number("ignored"), number("failedAttempts"), number("deadLetters"),
            number("identityConflicts"), number("abandoned"), number("halted"),
        )
    }

    private companion object {
        /** The queues close after the end is known. */
        val LAST: Duration = Duration.ofSeconds(5)
    }
}
