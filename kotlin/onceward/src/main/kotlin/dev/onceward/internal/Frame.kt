package dev.onceward.internal

import java.nio.ByteBuffer
import java.nio.ByteOrder

/** A run, a batch, or a letter that is told; `at` is where its first event stands. */
internal class Piece(val kind: Int, val handler: Int, val token: Long, val count: Int, val at: Int)

/** A hand-over from Rust: one buffer, of which only what a handler asks for is made into objects. `bindings/bridge/src/flat.rs` writes it. */
internal class Frame(private val bytes: ByteArray, private val topics: Topics) {
    private val words: ByteBuffer = ByteBuffer.wrap(bytes).order(ByteOrder.LITTLE_ENDIAN)

    init {
        check(word(0) == VERSION) { "onceward's jar and its native library are of different versions" }
    }

    inline fun pieces(use: (Piece) -> Unit) {
        var at = HEAD
        repeat(word(1)) {
            val count = word(at + 4)
            use(Piece(word(at), word(at + 1), wide(at + 2), count, at + PIECE))
            at += PIECE + EVENT * count
        }
    }

    fun topic(at: Int): String = topics.name(word(at + 1))

    fun partition(at: Int): Int = word(at + 2)

    /** Counted from 1. */
    fun attempt(at: Int): Int = Math.abs(word(at + 3))

    fun replayed(at: Int): Boolean = word(at + 3) < 0

    fun offset(at: Int): Long = wide(at + 4)

    fun timestamp(at: Int): Long? = wide(at + 6).takeIf { it != Long.MIN_VALUE }

    fun key(at: Int): ByteArray? = copy(word(at), word(at + 8))

    fun value(at: Int): ByteArray? = copy(afterKey(at), word(at + 9))

    /** The value without a copy; not to be written to. */
    fun view(at: Int): ByteBuffer? = view(afterKey(at), word(at + 9))

    /** What `json()` reads: the JSON that a schema made of the value, or the value. */
    fun body(at: Int): ByteBuffer? = view(afterValue(at) + word(at + 10) + word(at + 11) + word(at + 13), word(at + 14)) ?: view(at)

    private fun view(begin: Int, length: Int): ByteBuffer? =
        if (length < 0) null else ByteBuffer.wrap(bytes, begin, length).slice().asReadOnlyBuffer()

    fun id(at: Int): String = text(afterValue(at), word(at + 10))

    fun correlationId(at: Int): String = text(afterValue(at) + word(at + 10), word(at + 11))

    fun headers(at: Int): List<Pair<String, ByteArray?>> {
        var place = afterValue(at) + word(at + 10) + word(at + 11)
        fun part(): ByteArray? {
            val length = words.getInt(place)
            val found = copy(place + 4, length)
            place += 4 + size(length)
            return found
        }
        return List(word(at + 12)) { (part() ?: ByteArray(0)).decodeToString() to part() }
    }

    private fun afterKey(at: Int): Int = word(at) + size(word(at + 8))

    private fun afterValue(at: Int): Int = afterKey(at) + size(word(at + 9))

    private fun copy(begin: Int, length: Int): ByteArray? = if (length < 0) null else bytes.copyOfRange(begin, begin + length)

    private fun text(begin: Int, length: Int): String = String(bytes, begin, length, Charsets.UTF_8)

    fun word(place: Int): Int = words.getInt(place shl 2)

    fun wide(place: Int): Long = words.getLong(place shl 2)

    /** Null has no bytes. */
    private fun size(length: Int): Int = if (length < 0) 0 else length

    companion object {
        const val RUN = 0
        const val BATCH = 1
        const val LETTER = 2

        /** Where an event stands when the one before it stands at 0. */
        const val EVENT = 15
        const val HEAD = 2
        const val PIECE = 5
        private const val VERSION = 2
    }
}

/** Names of topics by the numbers that Rust gave them. */
internal class Topics(private val session: NativeSession) {
    @Volatile
    private var names: List<String> = emptyList()

    fun name(number: Int): String {
        if (number >= names.size) names = session.topics()
        return names.getOrElse(number) { "" }
    }
}
