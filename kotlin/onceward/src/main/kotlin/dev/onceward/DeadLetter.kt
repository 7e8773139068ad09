package dev.onceward

/**
 * A dead letter, summarised for people who are to be told of it. It never holds key, value or headers of the record.
 *
 * @property group the consumer group that gave the event up.
 * @property topic where the event came from, with [partition] and [offset].
 * @property letterId for `onceward dlt show`.
 * @property reason `exhausted`, `rejected`, `undecodable`, …
 * @property fingerprint groups letters with one cause.
 * @property errorType the error's class.
 * @property message the error's text on one line, at most 500 characters.
 * @property attempts handler calls, by the last replay if there was one.
 * @property replays replays of it that failed: 0 when it is given up for the first time.
 */
public data class DeadLetter(
    val group: String,
    val topic: String,
    val partition: Int,
    val offset: Long,
    val letterId: String,
    val reason: String,
    val fingerprint: String,
    val errorType: String,
    val message: String,
    val correlationId: String,
    val attempts: Int,
    val replays: Int,
)
