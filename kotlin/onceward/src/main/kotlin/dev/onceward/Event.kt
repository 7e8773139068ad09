package dev.onceward

import dev.onceward.internal.Frame
import dev.onceward.internal.Held
import dev.onceward.internal.Json
import dev.onceward.internal.NativeDetail
import dev.onceward.internal.cells
import dev.onceward.internal.record
import dev.onceward.internal.values
import java.nio.ByteBuffer
import java.nio.charset.CharacterCodingException
import java.time.Instant

/** A header: its name, and its value; null stays null. */
public data class Header(val name: String, val value: ByteArray?) {
    /** As text. */
    public val text: String? get() = value?.decodeToString()
}

/** A record of Kafka, with an identity. Its parts are read when they are asked for. */
public class Event internal constructor(private val held: Held, private val frame: Frame, private val at: Int, private val position: Int) {
    @Volatile
    private var open = true

    /** The source topic. */
    public val topic: String get() = frame.topic(at)

    /** The partition's number. */
    public val partition: Int get() = frame.partition(at)

    /** The record's offset. */
    public val offset: Long get() = frame.offset(at)

    /** The record's key, a copy; null is Kafka's null. */
    public val key: ByteArray? get() = frame.key(at)

    /** The record's value, a copy; null is Kafka's null, a tombstone. */
    public val value: ByteArray? get() = frame.value(at)

    /** The record's value without a copy, to be read only. */
    public val view: ByteBuffer? get() = frame.view(at)

    /** All headers in order, repeated ones included. */
    public val headers: List<Header> get() = frame.headers(at).map { (name, value) -> Header(name, value) }

    /** The last header of this name that is not null. */
    public fun header(name: String): ByteArray? = frame.headers(at).lastOrNull { it.first == name && it.second != null }?.second

    /** When the record was made. */
    public val timestamp: Instant? get() = frame.timestamp(at)?.let(Instant::ofEpochMilli)

    /** The event's id as its producer gave it; else its coordinates, as `topic/partition/offset`. */
    public val id: String get() = frame.id(at)

    /** The event's type, from where the topic's `event_type` says. */
    public val type: String? by lazy { detail(NativeDetail.TYPE, "type") }

    /** The id of the business flow. */
    public val correlationId: String get() = frame.correlationId(at)

    /** The id of the event that caused this one, if its producer said so. */
    public val causationId: String? by lazy { detail(NativeDetail.CAUSATION_ID, "causationId") }

    /** The W3C trace context for calls to other services. */
    public val traceparent: String? by lazy { detail(NativeDetail.TRACEPARENT, "traceparent") }

    /** The number of this call for this event, counted from 1. */
    public val attempt: Int get() = frame.attempt(at)

    /** Whether this is the replay of a dead letter. */
    public val replayed: Boolean get() = frame.replayed(at)

    /** A key for the other side of a call that is no effect: the same for every attempt and redelivery. 32 hex digits. */
    public val idempotencyKey: String by lazy { detail(NativeDetail.IDEMPOTENCY_KEY, "idempotencyKey").orEmpty() }

    /**
     * The id of the schema that wrote the value: a registry's number, or a global id. Null where the topic has no schema or the record does not
     * say.
     */
    public val schema: String? by lazy { detail(NativeDetail.SCHEMA, "schema") }

    /** The value as text. @throws DecodeException if it is null or no UTF-8. */
    public fun text(): String = text(view)

    private fun text(found: ByteBuffer?): String {
        val bytes = found ?: throw DecodeException("the value is null, and the handler expects something")
        return try {
            // Strictly: decoding would put question marks in the place of what is none, and the handler would bill somebody of that name.
            Charsets.UTF_8.newDecoder().decode(bytes).toString()
        } catch (error: CharacterCodingException) {
            throw DecodeException("the value is not UTF-8", cause = error)
        }
    }

    /**
     * The value as JSON (of a topic with a schema: as the schema decoded it): maps, lists, strings, longs or doubles, booleans, null.
     *
     * @throws DecodeException if it is none, which gives the event up at once.
     */
    public fun json(): Any? {
        val text = text(frame.body(at))
        try {
            return Json.read(text)
        } catch (error: Json.Wrong) {
            throw DecodeException("the value is not JSON ${error.message}", cause = error)
        }
    }

    /**
     * Records a statement that commits with this event's mark: exactly once. Deferred: it returns nothing, and nothing runs now. A parameter is
     * null, a boolean, a number, a text or bytes.
     *
     * @param expectRows how many rows it must concern; otherwise the attempt has failed.
     */
    @JvmOverloads
    public fun effect(sql: String, params: List<Any?> = emptyList(), expectRows: Int? = null) {
        val given = values(params)
        if (records()) held.effect(position, sql, given, expectRows)
    }

    /** As [effect], with the parameters one after the other. */
    public fun effect(sql: String, first: Any?, vararg more: Any?): Unit = effect(sql, listOf(first, *more))

    /** Publishes an event when, and only when, this handler succeeds. */
    public fun publish(topic: String, record: Publish) {
        if (records()) held.publish(position, topic, record)
    }

    /** As above, in place. */
    @JvmSynthetic
    public fun publish(
        topic: String,
        key: String? = null,
        value: String? = null,
        json: Any? = null,
        headers: List<Header> = emptyList(),
        id: String? = null,
    ): Unit = publish(topic, Publish(key?.encodeToByteArray(), (value ?: json?.let(Json::write))?.encodeToByteArray(), headers, id))

    /** Reads tables in the inbox's file, now and on this thread. For handlers registered with `reads = true`. */
    public fun query(sql: String, vararg params: Any?): List<List<Any?>> {
        val given = values(params.asList())
        if (!open) throw ClosedException("the handler of this event has ended; it can't query any more")
        return asked { held.session.query(held.token, position.toUInt(), sql, given) }.map(::cells)
    }

    /** Where it came from, and no payload: events are logged. */
    override fun toString(): String = "$topic/$partition/$offset attempt $attempt"

    /** The handler has ended: nothing is recorded any more. */
    internal fun close() {
        open = false
    }

    private fun records(): Boolean {
        val counts = open && !held.isOver
        if (!counts) held.late(this)
        return counts
    }

    private fun detail(which: NativeDetail, name: String): String? {
        if (!open) throw ClosedException("event.$name is read while the event is handled; read it before the handler ends")
        return asked { held.session.detail(held.token, position.toUInt(), which) }
    }
}
