package dev.onceward.internal

import dev.onceward.DeadLetter
import kotlinx.coroutines.CancellationException
import kotlinx.coroutines.CompletableDeferred
import kotlinx.coroutines.CoroutineExceptionHandler
import kotlinx.coroutines.CoroutineScope
import kotlinx.coroutines.SupervisorJob
import kotlinx.coroutines.cancel
import kotlinx.coroutines.launch
import org.slf4j.event.Level
import java.time.Duration
import java.util.concurrent.ConcurrentHashMap
import kotlin.concurrent.thread
import kotlin.coroutines.CoroutineContext

/** Takes work as it comes, and starts a coroutine for each run and each batch. No decision is made here. */
internal class Pump(
    val session: NativeSession,
    private val handlers: List<Handler>,
    private val onDeadLetter: (suspend (DeadLetter) -> Unit)?,
    context: CoroutineContext,
    /** What the MDC says besides the event. */
    val base: Map<String, String>,
) {
    val number: Long = session.number()

    /** Handlers fail by themselves: neither each other nor whoever runs the consumer. Not below the caller's job, since a run that is cancelled drains. */
    val scope = CoroutineScope(context + SupervisorJob() + CoroutineExceptionHandler { _, error -> stray(error) })

    /** Ends when nothing comes any more. */
    val closed = CompletableDeferred<Unit>()

    @Volatile
    var isOver = false
        private set

    private val topics = Topics(session)
    private val open = ConcurrentHashMap<Long, Held>()

    fun start() {
        thread(isDaemon = true, name = "onceward-pump") { pump() }
    }

    fun enter(held: Held) {
        // Made before it can be found, and started after: who is to stop it finds something to cancel.
        val job = held.coroutine()
        open[held.token] = held
        job.start()
    }

    fun leave(held: Held) {
        open.remove(held.token, held)
    }

    private fun pump() {
        var failure: Throwable? = null
        try {
            while (true) {
                val bytes = session.nextBatch(MOST.toUInt(), WAIT) ?: break
                if (bytes.isNotEmpty()) hand(Frame(bytes, topics))
                look()
            }
        } catch (error: Throwable) {
            failure = error
            safely(Unit) { session.stop() }
        }
        // Handlers that still run did not come to an end in time: nobody waits for them any more, and their events are handled again.
        isOver = true
        scope.cancel(CancellationException(over().message, over()))
        if (failure == null) closed.complete(Unit) else closed.completeExceptionally(failure)
    }

    private fun hand(frame: Frame) = frame.pieces { piece ->
        if (piece.kind == Frame.LETTER) {
            scope.launch { tell(piece.token) }
        } else {
            val handler = handlers.getOrNull(piece.handler) ?: error("there is no handler ${piece.handler}")
            enter(if (piece.kind == Frame.BATCH) Call(this, handler, frame, piece) else Run(this, handler, frame, piece))
        }
    }

    private var looked = System.nanoTime()
    private var watches = false

    /** What has been there for a while is watched, and what is to stop is stopped. Most handlers are gone before anybody looks. */
    private fun look() {
        val now = System.nanoTime()
        if (now - looked < WAIT.toNanos()) return
        looked = now
        if (watches) session.told().forEach { open[it]?.stop() }
        for (held in open.values) {
            held.seen += 1
            if (held.seen == 2) {
                watches = true
                held.watch()
            }
        }
    }

    /** What the function throws is logged and changes nothing. */
    private suspend fun tell(token: Long) {
        try {
            val text = session.letter(token)
            if (text.isNotEmpty()) onDeadLetter?.invoke(letter(text))
        } catch (error: Throwable) {
            if (!isOver) Lines.say(Level.ERROR, emptyMap(), "onDeadLetter threw; the letter is safe, and the next one is told", error)
        }
        session.letterTold(token)
    }

    private fun stray(error: Throwable) =
        Lines.say(Level.ERROR, base, "a coroutine that a handler had started failed, and nobody waited for it", error)

    private companion object {
        /** Runs and batches of one hand-over. */
        const val MOST = 1024
        val WAIT: Duration = Duration.ofMillis(100)
    }
}

private fun letter(text: String): DeadLetter {
    val found = Json.read(text) as Map<*, *>
    fun text(name: String) = found[name] as? String ?: ""
    fun number(name: String) = found[name] as? Long ?: 0
    return DeadLetter(
        text("group"), text("topic"), number("partition").toInt(), number("offset"), text("letter_id"), text("reason"), text("fingerprint"),
        text("error_type"), text("message"), text("correlation_id"), number("attempts").toInt(),
        number("replays").toInt(),
    )
}
