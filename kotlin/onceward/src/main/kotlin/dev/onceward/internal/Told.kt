package dev.onceward.internal

import dev.onceward.DecodeException
import dev.onceward.Reject
import dev.onceward.Retry
import kotlin.time.toJavaDuration

/** The program goes elsewhere: nobody's failure. */
internal class Left(message: String) : RuntimeException(message)

/** What is given up at once. */
internal class Fatal(private val classes: List<Class<out Throwable>>, private val predicate: ((Throwable) -> Boolean)?) {
    fun covers(error: Throwable): Boolean =
        classes.any { it.isInstance(error) } || (predicate != null && safely(false) { predicate.invoke(error) })
}

/** Characters of a stack that are kept. */
private const val LONGEST = 16_384

/** What became of an attempt that threw. Nothing here throws, whatever was thrown: getters of a hostile exception included. */
internal fun told(error: Throwable, fatal: Fatal): NativeOutcome {
    val message = safely("(no text: reading it threw)") { error.message.orEmpty() }
    val stack = safely("(no stack: reading it threw)") { stackOf(error) }
    val names = names(error.javaClass)
    fun outcome(verdict: NativeVerdict, after: java.time.Duration? = null) =
        NativeOutcome(verdict, error.javaClass.name, message, stack, names, after)
    return when (error) {
        is Left -> outcome(NativeVerdict.STOP)
        is Reject -> NativeOutcome(NativeVerdict.REJECT, "Reject", message, causeOf(error), emptyList(), null)
        is DecodeException -> outcome(NativeVerdict.UNDECODABLE)
        is Retry -> outcome(NativeVerdict.RETRY, error.after.coerceIn(kotlin.time.Duration.ZERO, LONGEST_WAIT).toJavaDuration())
        else -> outcome(if (fatal.covers(error)) NativeVerdict.REJECT else NativeVerdict.FAILED)
    }
}

/** Clocks overflow. */
private val LONGEST_WAIT = kotlin.time.Duration.parse("36500d")

/** The names of a class and of those above it, nested ones as they are written in code. */
private fun names(of: Class<*>): List<String> = buildList {
    var at: Class<*>? = of
    while (at != null && at != Any::class.java) {
        add(at.name.replace('$', '.'))
        at = at.superclass
    }
}

private fun stackOf(error: Throwable): String {
    val written = error.stackTraceToString()
    val detail = (error as? DecodeException)?.detail.orEmpty()
    return (if (detail.isEmpty()) written else "$written\n$detail").take(LONGEST)
}

/** Where somebody rejected an event says nothing; why it came to that may. */
private fun causeOf(error: Throwable): String = error.cause?.let { cause -> safely("") { stackOf(cause) } }.orEmpty()

internal inline fun <T> safely(otherwise: T, read: () -> T): T =
    try {
        read()
    } catch (_: Throwable) {
        otherwise
    }
