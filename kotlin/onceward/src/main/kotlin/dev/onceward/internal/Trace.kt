package dev.onceward.internal

import dev.onceward.Event
import io.opentelemetry.api.trace.Span
import io.opentelemetry.api.trace.SpanContext
import io.opentelemetry.api.trace.TraceFlags
import io.opentelemetry.api.trace.TraceState
import io.opentelemetry.context.Context
import io.opentelemetry.context.Scope
import kotlin.coroutines.AbstractCoroutineContextElement
import kotlin.coroutines.CoroutineContext
import kotlinx.coroutines.ThreadContextElement
import kotlinx.coroutines.withContext

/** Whether the program has OpenTelemetry's API; this library works without it. */
private val hasTraces: Boolean by lazy { safely(false) { Class.forName("io.opentelemetry.api.trace.Span", false, Event::class.java.classLoader) != null } }

private val TRACEPARENT = Regex("[0-9a-f]{2}-([0-9a-f]{32})-([0-9a-f]{16})-([0-9a-f]{2})(-.*)?")

/** Calls a handler with the event's trace as OpenTelemetry's current one: spans of the handler nest below its attempt. */
internal suspend fun traced(event: Event, call: suspend (Event) -> Unit) {
    val found = if (hasTraces) event.traceparent?.let(TRACEPARENT::matchEntire) else null
    if (found == null) return call(event)
    val (trace, span, flags) = found.destructured
    withContext(Trace.of(trace, span, flags)) { call(event) }
}

/** Current on whichever thread the handler is resumed. */
private class Trace(private val trace: Context) : AbstractCoroutineContextElement(Trace), ThreadContextElement<Scope> {
    override fun updateThreadContext(context: CoroutineContext): Scope = trace.makeCurrent()

    override fun restoreThreadContext(context: CoroutineContext, oldState: Scope) = oldState.close()

    companion object Key : CoroutineContext.Key<Trace> {
        fun of(trace: String, span: String, flags: String): Trace {
            val parent = SpanContext.createFromRemoteParent(trace, span, TraceFlags.fromHex(flags, 0), TraceState.getDefault())
            return Trace(Context.current().with(Span.wrap(parent)))
        }
    }
}
