package dev.onceward

import dev.onceward.internal.NativeFault

/** Base of every error of this library. [code] is one of a closed list, the same in every language. */
public sealed class OncewardException(public val code: String, message: String, cause: Throwable? = null) : RuntimeException(message, cause)

/** One problem of a configuration: the field's path, as in onceward.toml, and what is wrong. */
public data class Problem(val path: String, val message: String)

/** The configuration is wrong; [problems] has everything that is. */
public class ConfigException(message: String, public val problems: List<Problem> = emptyList()) : OncewardException("config", message)

/** The inbox can't be used. */
public class InboxException(message: String) : OncewardException("inbox", message)

/** Kafka said no, or nothing. */
public class BrokerException(message: String) : OncewardException("broker", message)

/** Topics are missing or do not fit. */
public class TopicsException(message: String) : OncewardException("topics", message)

/** A partition halted, or the program can't go on. */
public class HaltedException(message: String, cause: Throwable? = null) : OncewardException("halted", message, cause)

/** The consumer does not run, or has run. */
public class ClosedException(message: String, cause: Throwable? = null) : OncewardException("closed", message, cause)

/**
 * A value is not what the handler expects. Thrown in a handler, it gives the event up at once, with the reason `undecodable`.
 *
 * Its text tells kind and place, never the value: texts are logged. The letter has the whole story in [detail], beside the value.
 */
public class DecodeException(message: String, public val detail: String = "", cause: Throwable? = null) :
    OncewardException("decode", message, cause)

/** Why a handler is cancelled when it is past its timeout. */
public class HandlerTimeout internal constructor() : java.util.concurrent.CancellationException("the handler is past its timeout")

/** Why a handler is cancelled when its partition is taken away while it runs: what it does counts no more, and the new owner handles the event. */
public class PartitionLost internal constructor() :
    java.util.concurrent.CancellationException("the partition was taken away; its new owner handles the event")

/** Calls into Rust; faults come back as exceptions of this library. */
internal inline fun <T> asked(call: () -> T): T =
    try {
        call()
    } catch (fault: NativeFault.Known) {
        throw translated(fault)
    } catch (fault: NativeFault.Argument) {
        throw IllegalArgumentException(fault.text)
    }

internal fun translated(fault: NativeFault.Known): OncewardException =
    when (fault.code) {
        "config" -> ConfigException(fault.text, fault.problems.map { Problem(it.path, it.text) })
        "inbox" -> InboxException(fault.text)
        "broker" -> BrokerException(fault.text)
        "topics" -> TopicsException(fault.text)
        "closed" -> ClosedException(fault.text)
        else -> HaltedException(fault.text)
    }
