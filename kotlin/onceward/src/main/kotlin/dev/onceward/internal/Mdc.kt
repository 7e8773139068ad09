package dev.onceward.internal

import dev.onceward.Event
import org.slf4j.MDC
import org.slf4j.helpers.NOPMDCAdapter
import kotlin.coroutines.AbstractCoroutineContextElement
import kotlin.coroutines.CoroutineContext
import kotlinx.coroutines.ThreadContextElement

/** What a log line says of an event. */
internal fun fieldsOf(event: Event): Map<String, String> = mapOf(
    "correlation_id" to event.correlationId,
    "topic" to event.topic,
    "partition" to event.partition.toString(),
    "offset" to event.offset.toString(),
    "attempt" to event.attempt.toString(),
)

/** Whether anybody reads the MDC. */
internal val hasMdc: Boolean by lazy { MDC.getMDCAdapter().let { it != null && it !is NOPMDCAdapter } }

/**
 * The event at hand, in the coroutine's context: wherever the handler is resumed, the MDC of that thread speaks of it. A run moves it on to its
 * next event, since that is no new coroutine.
 */
internal class Current(private val base: Map<String, String>) :
    AbstractCoroutineContextElement(Current), ThreadContextElement<Map<String, String>?> {
    @Volatile
    private var fields: Map<String, String> = base

    @Volatile
    var event: Event? = null
        private set

    /** From now on it is this event, or none, on this thread, too. */
    fun move(to: Event?) {
        event = to
        if (!hasMdc) return
        fields = if (to == null) base else base + fieldsOf(to)
        MDC.setContextMap(fields)
    }

    override fun updateThreadContext(context: CoroutineContext): Map<String, String>? {
        if (!hasMdc) return null
        val found = MDC.getCopyOfContextMap()
        MDC.setContextMap(fields)
        return found
    }

    override fun restoreThreadContext(context: CoroutineContext, oldState: Map<String, String>?) {
        if (!hasMdc) return
        if (oldState == null) MDC.clear() else MDC.setContextMap(oldState)
    }

    companion object Key : CoroutineContext.Key<Current>
}
