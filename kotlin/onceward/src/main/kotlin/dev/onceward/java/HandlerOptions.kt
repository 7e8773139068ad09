package dev.onceward.java

import dev.onceward.Backoff
import java.time.Duration
import kotlin.reflect.KClass
import kotlin.time.toKotlinDuration

/** What is declared of a handler; nothing of it has to be. */
public class HandlerOptions {
    private var types: List<String> = emptyList()
    private var retry: Backoff? = null
    private var fatal: List<KClass<out Throwable>> = emptyList()
    private var timeout: Duration? = null
    private var maxRate: Double? = null
    internal var reads: Boolean = false
    internal var size: Int? = null
    internal var atOnce: Int? = null

    /** Only events of these types. */
    public fun types(vararg types: String): HandlerOptions = apply { this.types = types.asList() }

    /** Handler calls per event, the first included. */
    public fun attempts(attempts: Int): HandlerOptions = apply { retry = (retry ?: Backoff()).copy(attempts = attempts) }

    /** Wait after the first failure, and the longest single wait. */
    public fun waits(first: Duration, max: Duration): HandlerOptions = apply {
        retry = (retry ?: Backoff()).copy(first = first.toKotlinDuration(), max = max.toKotlinDuration())
    }

    /** What is given up at once: exception classes, subclasses included. */
    @SafeVarargs
    public fun fatal(vararg classes: Class<out Throwable>): HandlerOptions = apply { fatal = classes.map { it.kotlin } }

    /** How long one call may take: the `handler_timeout` of its topic, also for its other handlers. */
    public fun timeout(timeout: Duration): HandlerOptions = apply { this.timeout = timeout }

    /** Events that may start per second. */
    public fun maxRate(events: Double): HandlerOptions = apply { maxRate = events }

    /** The handler calls `event.query`; its events are handed over one by one. */
    public fun reads(): HandlerOptions = apply { reads = true }

    /** Most events of one call of a batch handler. */
    public fun size(events: Int): HandlerOptions = apply { size = events }

    /** Calls of a batch handler at once. */
    public fun atOnce(calls: Int): HandlerOptions = apply { atOnce = calls }

    internal data class Common(
        val types: List<String>,
        val retry: Backoff?,
        val fatal: List<KClass<out Throwable>>,
        val timeout: kotlin.time.Duration?,
        val maxRate: Double?,
    )

    internal fun common() = Common(types, retry, fatal, timeout?.toKotlinDuration(), maxRate)
}
