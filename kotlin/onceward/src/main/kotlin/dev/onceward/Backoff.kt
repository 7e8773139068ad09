package dev.onceward

import kotlin.time.Duration

/**
 * A retry policy: the wait after attempt n is `first * factor^(n-1)`, at most `max`, shortened by up to `jitter`. What is not set comes from
 * the configuration.
 *
 * @property attempts handler calls per event, the first included. Default 5.
 * @property first wait after the first failure. Default 200 ms.
 * @property factor each further wait is this many times the one before. Default 2.
 * @property max longest single wait. Default 30 s.
 * @property total time from the first attempt to the last. Default 5 min.
 * @property jitter how much of each wait is random, from 0 to 1. Default 0.2.
 */
public data class Backoff(
    val attempts: Int? = null,
    val first: Duration? = null,
    val factor: Double? = null,
    val max: Duration? = null,
    val total: Duration? = null,
    val jitter: Double? = null,
) {
    internal fun written(): Map<String, Any> = buildMap {
        attempts?.let { put("attempts", it) }
        first?.let { put("first", it.written()) }
        factor?.let { put("factor", it) }
        max?.let { put("max", it.written()) }
        total?.let { put("total", it.written()) }
        jitter?.let { put("jitter", it) }
    }
}

/** As the configuration has it, where too small and too large are refused. */
internal fun Duration.written(): String = "${inWholeMilliseconds.coerceAtLeast(0)}ms"
