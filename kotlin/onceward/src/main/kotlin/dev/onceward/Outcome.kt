package dev.onceward

import kotlin.time.Duration
import kotlin.time.toKotlinDuration

/** What a handler says of its event. Returning normally is [Done]; the others are thrown, from wherever it is known. */
public sealed interface Outcome {
    /** The event is handled. */
    public data object Done : Outcome
}

/** Another attempt after this long, instead of the policy's wait. It counts as an attempt. */
public class Retry(public val after: Duration, message: String = "the handler asked for another attempt", cause: Throwable? = null) :
    RuntimeException(message, cause), Outcome {
    public companion object {
        /** For Java, where durations are of `java.time`. */
        @JvmStatic
        public fun after(after: java.time.Duration): Retry = Retry(after.toKotlinDuration())
    }
}

/** The event is given up at once, with the reason `rejected`. */
public class Reject @JvmOverloads constructor(reason: String, cause: Throwable? = null) : RuntimeException(reason, cause), Outcome
