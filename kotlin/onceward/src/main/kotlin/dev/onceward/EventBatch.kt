package dev.onceward

/**
 * Several events for one call of a batch handler: of one topic, of any of its partitions; those of one key in order. At least one.
 *
 * A loop over the batch makes each event the current one, so that log lines of its body carry the correlation id.
 */
public class EventBatch internal constructor(
    public val events: List<Event>,
    private val failed: (Int, Throwable) -> Unit,
    private val enter: (Event?) -> Unit,
) : List<Event> by events {
    override fun iterator(): Iterator<Event> = kotlin.sequences.iterator {
        for (event in events) {
            enter(event)
            yield(event)
        }
        enter(null)
    }

    /** Says that one event failed, by its position; the others are not concerned, except those behind it that have its key. */
    public fun fail(position: Int, error: Throwable) {
        if (position !in events.indices) throw IndexOutOfBoundsException("there is no event at $position; the batch has ${events.size}")
        failed(position, error)
    }
}
