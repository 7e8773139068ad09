package dev.onceward.internal

import dev.onceward.Publish
import java.math.BigInteger

/** The parameters of a statement; what is no value is refused by its position. */
internal fun values(params: List<Any?>): List<NativeValue> = params.mapIndexed { index, value ->
    when (value) {
        null -> NativeValue.Null
        is Boolean -> NativeValue.Integer(if (value) 1 else 0)
        is Byte, is Short, is Int, is Long -> NativeValue.Integer((value as Number).toLong())
        is BigInteger -> NativeValue.Integer(
            value.runCatching { longValueExact() }.getOrElse {
                throw IllegalArgumentException("params[$index] does not fit 64 bits; write it as text")
            },
        )
        is Float, is Double -> NativeValue.Real((value as Number).toDouble())
        is CharSequence -> NativeValue.Text(value.toString())
        is ByteArray -> NativeValue.Blob(value)
        else -> throw IllegalArgumentException(
            "params[$index] is a ${value.javaClass.name}; a value is null, a boolean, a number, a text or a ByteArray. Write dates and decimals " +
                "as text, and anything else as JSON",
        )
    }
}

/** A row. */
internal fun cells(row: List<NativeValue>): List<Any?> = row.map { value ->
    when (value) {
        is NativeValue.Null -> null
        is NativeValue.Integer -> value.value
        is NativeValue.Real -> value.value
        is NativeValue.Text -> value.value
        is NativeValue.Blob -> value.value
    }
}

internal fun Publish.record(topic: String): NativeRecord =
    NativeRecord(topic, key, value, headers.map { NativeHeader(it.name, it.value) }, id)
