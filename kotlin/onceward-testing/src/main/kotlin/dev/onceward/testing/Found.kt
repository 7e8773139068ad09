package dev.onceward.testing

import dev.onceward.Header
import dev.onceward.internal.NativeFound
import dev.onceward.internal.NativeHeld
import dev.onceward.internal.NativeLetter
import dev.onceward.internal.NativeLine
import dev.onceward.internal.RigLife

/** Where a record lies. */
public data class Position(val topic: String, val partition: Int, val offset: Long)

/** A record in a topic. */
public open class FoundRecord internal constructor(found: NativeFound) {
    public val topic: String = found.position.topic
    public val partition: Int = found.position.partition
    public val offset: Long = found.position.offset
    public val key: ByteArray? = found.key
    public val value: ByteArray? = found.value
    public val headers: List<Header> = found.headers.map { Header(it.name, it.value) }

    /** The event's id. */
    public val id: String = found.id

    /** The text of the last header of this name that is not null. */
    public fun header(name: String): String? = headers.lastOrNull { it.name == name && it.value != null }?.text

    /** The value as JSON: maps, lists, strings, longs or doubles, booleans, null. */
    public fun json(): Any? = RigLife.json(value?.decodeToString() ?: "null")

    override fun toString(): String = "$topic/$partition/$offset $id"
}

/** A dead letter. */
public class FoundLetter internal constructor(found: NativeLetter) : FoundRecord(found.record) {
    /** `exhausted`, `rejected`, `undecodable`, `invalid`, `conflict`, … */
    public val reason: String = found.reason

    /** Handler calls. */
    public val attempts: Int = found.attempts.toInt()

    /** `open`, `held`, `done` or `discarded`; `orphan`: a copy that the ledger does not know. */
    public val state: String = found.state

    /** Replays of it that failed. */
    public val replays: Int = found.replays.toInt()

    /** Its id, as `onceward dlt show` takes it. */
    public val letterId: String = found.letterId

    /** What letters of one cause have in common. */
    public val fingerprint: String = found.fingerprint

    override fun toString(): String = "${super.toString()} $reason after $attempts attempts, $state"
}

/**
 * A key whose later events wait behind a dead letter: `after_dead_letter = "hold"`.
 *
 * @property key the key of the letter's record.
 * @property letter the id of the event whose letter has to be settled.
 * @property behind ids of the events behind it, in their order.
 */
public class HeldKey internal constructor(found: NativeHeld) {
    public val topic: String = found.topic
    public val partition: Int = found.partition
    public val key: ByteArray? = found.key
    public val letter: String = found.letter
    public val behind: List<String> = found.behind
}

/** A line of the core's log, with the fields of its event; of several with one name the innermost. */
public class LogLine internal constructor(found: NativeLine) {
    public val level: String = found.level
    public val message: String = found.message
    public val fields: Map<String, String> = found.fields.asReversed().associate { it.name to it.value }

    override fun toString(): String = "$level $message $fields"
}
