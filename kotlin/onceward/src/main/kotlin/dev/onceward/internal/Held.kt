package dev.onceward.internal

import dev.onceward.ClosedException
import dev.onceward.Event
import dev.onceward.EventBatch
import dev.onceward.HandlerTimeout
import dev.onceward.PartitionLost
import dev.onceward.Publish
import dev.onceward.asked
import kotlinx.coroutines.CancellationException
import kotlinx.coroutines.CoroutineStart
import kotlinx.coroutines.Job
import kotlinx.coroutines.currentCoroutineContext
import kotlinx.coroutines.job
import kotlinx.coroutines.launch
import org.slf4j.event.Level

/** Causes that are followed. */
private const val DEEPEST = 16

/** What is in a handler's hands: a run, or a call of a batch handler. */
internal abstract class Held(protected val pump: Pump, protected val handler: Handler, protected val frame: Frame, protected val piece: Piece) {
    val session: NativeSession get() = pump.session
    val token: Long get() = piece.token

    /** Looks of the pump that it was there at. */
    var seen = 0

    @Volatile
    private var job: Job? = null

    /** Its handler was cancelled because the core says so. */
    @Volatile
    private var told = false

    /** The core knows what became of it. */
    @Volatile
    protected var answered = false

    /** Its coroutine, to be started. The handler's context may have a job that ended long ago: it is nobody's child but the pump's. */
    fun coroutine(): Job {
        val made = pump.scope.launch(handler.context.minusKey(Job) + Current(pump.base), CoroutineStart.LAZY) {
            handle(currentCoroutineContext()[Current]!!)
        }
        job = made
        // An executor that was shut down takes no coroutine: then no line of ours has run, and nobody else would say so.
        made.invokeOnCompletion { cause ->
            if (!answered) {
                pump.leave(this)
                if (!isOver && isBegun()) end(cause ?: IllegalStateException("the handler's coroutine ended without a word"), made)
            }
        }
        return made
    }

    /** The core's word comes late: by then the next event of a run may be in hand, and no reason to stop. */
    @Synchronized
    fun stop() {
        val why = Step.told(pump.number, token)
        if (why == 0) return
        told = true
        job?.cancel(if (why == Step.LOST) PartitionLost() else HandlerTimeout())
    }

    val isOver: Boolean get() = pump.isOver

    fun late(event: Event) = Lines.say(
        Level.WARN,
        fieldsOf(event),
        "an effect or publish was recorded after the handler had ended; it is ignored: await everything before you return",
    )

    fun effect(position: Int, sql: String, values: List<NativeValue>, rows: Int?) {
        val done = Scratch.with { it.effect(sql, values, rows) && Step.effect(pump.number, token, position, it.address, it.length) }
        if (!done) asked { session.effect(token, position.toUInt(), sql, values, rows?.toUInt()) }
    }

    fun publish(position: Int, topic: String, record: Publish) {
        val done = Scratch.with { it.publish(topic, record) && Step.publish(pump.number, token, position, it.address, it.length) }
        if (!done) asked { session.emit(token, position.toUInt(), record.record(topic)) }
    }

    /** What there is to say of an error, if there is: not when the run is over, since nobody listens any more. */
    protected fun end(error: Throwable, job: Job) {
        if (!isOver) say(error, job)
        answered = true
    }

    private fun say(error: Throwable, job: Job) {
        if (!job.isCancelled || error !is CancellationException) return failed(told(error, handler.fatal))
        if (told) return stopped()
        // The handler's own doing, by a child that failed for example: then that is what happened.
        failed(told(generateSequence<Throwable>(error) { it.cause }.take(DEEPEST).find { it !is CancellationException } ?: error, handler.fatal))
    }

    protected abstract suspend fun handle(current: Current)

    /** Whether there is an event to answer for; without an attempt, what could not be tried would come again at once, for ever. */
    protected open fun isBegun(): Boolean = true

    protected abstract fun failed(outcome: NativeOutcome)

    protected abstract fun stopped()

    /** To be watched by the core, which says when it is to stop. */
    abstract fun watch()
}

/** Consecutive events of one key, one after the other, in one coroutine. */
internal class Run(pump: Pump, handler: Handler, frame: Frame, piece: Piece, private var position: Int = 0) : Held(pump, handler, frame, piece) {
    private var begun = false

    override suspend fun handle(current: Current) {
        val job = currentCoroutineContext().job
        val call = handler.one ?: error("handler ${piece.handler} is for batches")
        while (next()) {
            val event = Event(this, frame, piece.at + Frame.EVENT * position, 0)
            position += 1
            current.move(event)
            try {
                traced(event, call)
            } catch (error: Throwable) {
                event.close()
                pump.leave(this)
                return end(error, job)
            }
            event.close()
            if (!job.isActive) return goOn()
        }
        answered = true
        pump.leave(this)
    }

    /** Not while [stop] decides about the event in hand: it would be the next one that is stopped. */
    @Synchronized
    private fun next(): Boolean {
        begun = true
        return Step.next(pump.number, token)
    }

    override fun isBegun(): Boolean = begun || next()

    /** The handler cancelled its own coroutine and returned nevertheless: its event is done, and the next one wants a live one. */
    private fun goOn() {
        answered = true
        pump.leave(this)
        if (!pump.isOver) pump.enter(Run(pump, handler, frame, piece, position))
    }

    override fun failed(outcome: NativeOutcome) = session.fail(token, outcome)

    override fun stopped() = session.stopped(token)

    override fun watch() = Step.watch(pump.number, token)
}

/** A call of a batch handler. */
internal class Call(pump: Pump, handler: Handler, frame: Frame, piece: Piece) : Held(pump, handler, frame, piece) {
    override suspend fun handle(current: Current) {
        val job = currentCoroutineContext().job
        val call = handler.several ?: error("handler ${piece.handler} is for single events")
        val events = List(piece.count) { Event(this, frame, piece.at + Frame.EVENT * it, it) }
        val batch = EventBatch(
            events,
            failed = { position, error -> asked { session.failOne(token, position.toUInt(), told(error, handler.fatal)) } },
            enter = { event -> if (!answered) current.move(event) },
        )
        var failure: Throwable? = null
        try {
            call(batch)
        } catch (error: Throwable) {
            failure = error
        }
        events.forEach(Event::close)
        pump.leave(this)
        if (failure != null) return end(failure, job)
        session.endBatch(token, null)
        answered = true
    }

    override fun failed(outcome: NativeOutcome) = session.endBatch(token, outcome)

    override fun stopped() = failed(told(HandlerTimeout(), handler.fatal))

    /** The core says it of calls without being asked. */
    override fun watch() = Unit
}

/** The answer to what can't be asked any more. */
internal fun over(): ClosedException = ClosedException("the run is over; the event is handled again after the next start")
