package dev.onceward.internal

import dev.onceward.Event
import dev.onceward.Until
import kotlinx.coroutines.CancellationException
import kotlinx.coroutines.CompletableDeferred
import kotlinx.coroutines.async
import kotlinx.coroutines.channels.Channel
import kotlinx.coroutines.coroutineScope
import kotlinx.coroutines.flow.Flow

private class Waiting(val event: Event, val done: CompletableDeferred<Unit>)

/** What is in hand when the collector leaves is nobody's failure: it is handled after the next start. */
private fun left() = Left("the flow of events was left; its event is handled after the next start")

/** Between a handler, which is called, and a collector, which asks. */
internal fun flow(begin: (take: suspend (Event) -> Unit) -> Pair<Life, Until>): Flow<Event> = kotlinx.coroutines.flow.flow {
    val channel = Channel<Waiting> { it.done.completeExceptionally(left()) }
    val (life, until) = begin { event ->
        val done = CompletableDeferred<Unit>()
        try {
            channel.send(Waiting(event, done))
        } catch (_: Gone) {
            throw left()
        }
        done.await()
    }
    coroutineScope {
        val running = async {
            try {
                life.run(until, signals = true)
            } finally {
                channel.close()
            }
        }
        try {
            for (waiting in channel) {
                try {
                    emit(waiting.event)
                } catch (error: Throwable) {
                    waiting.done.completeExceptionally(left())
                    throw error
                }
                waiting.done.complete(Unit)
            }
        } finally {
            // The next event may be on its way already: waited for, it would hold up the end of the run for as long as a drain may take.
            channel.cancel(Gone())
        }
        running.await()
    }
}

/** Nobody collects any more. */
private class Gone : CancellationException("nobody collects these events any more")
