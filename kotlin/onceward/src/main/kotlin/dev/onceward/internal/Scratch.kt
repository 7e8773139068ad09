package dev.onceward.internal

import com.sun.jna.Native
import com.sun.jna.Pointer
import dev.onceward.Publish
import java.nio.BufferOverflowException
import java.nio.ByteBuffer
import java.nio.ByteOrder
import java.util.concurrent.ConcurrentLinkedQueue

/** Memory outside of the heap, into which is written what Rust then reads (`bindings/kotlin/src/scratch.rs`). */
internal class Scratch private constructor() {
    private val bytes: ByteBuffer = ByteBuffer.allocateDirect(SIZE).order(ByteOrder.LITTLE_ENDIAN)
    val address: Long = Pointer.nativeValue(Native.getDirectBufferPointer(bytes))

    /** How much of it is written. */
    val length: Long get() = bytes.position().toLong()

    /** A statement; false: there is not room enough. */
    fun effect(sql: String, values: List<NativeValue>, rows: Int?): Boolean = fits {
        require(rows == null || rows >= 0) { "expectRows is $rows; it is a number of rows" }
        bytes.putInt(rows ?: -1)
        text(sql)
        bytes.putInt(values.size)
        for (value in values) {
            when (value) {
                is NativeValue.Null -> bytes.put(0)
                is NativeValue.Integer -> bytes.put(1).putLong(value.value)
                is NativeValue.Real -> bytes.put(2).putDouble(value.value)
                is NativeValue.Text -> bytes.put(3).also { text(value.value) }
                is NativeValue.Blob -> bytes.put(4).also { bytes(value.value) }
            }
        }
    }

    /** An event to publish; false: there is not room enough. */
    fun publish(topic: String, record: Publish): Boolean = fits {
        text(topic)
        bytes(record.key)
        bytes(record.value)
        bytes.putInt(record.headers.size)
        for (header in record.headers) {
            text(header.name)
            bytes(header.value)
        }
        bytes(record.id?.let(::encoded))
    }

    private inline fun fits(write: () -> Unit): Boolean {
        bytes.clear()
        return try {
            write()
            true
        } catch (_: BufferOverflowException) {
            false
        }
    }

    private fun text(text: String) = bytes(encoded(text))

    /** Half a surrogate pair is no text: an error here, rather than a question mark in somebody's table. */
    private fun encoded(text: String): ByteArray = text.encodeToByteArray(throwOnInvalidSequence = true)

    private fun bytes(given: ByteArray?) {
        bytes.putInt(given?.size ?: -1)
        given?.let(bytes::put)
    }

    companion object {
        /** What is larger takes the long way, whose cost is in its copies then. */
        private const val SIZE = 1 shl 16

        /** As many as threads record at once; with one for each thread, virtual ones would have thousands. */
        private val idle = ConcurrentLinkedQueue<Scratch>()

        inline fun <T> with(use: (Scratch) -> T): T {
            val scratch = take()
            try {
                return use(scratch)
            } finally {
                give(scratch)
            }
        }

        fun take(): Scratch = idle.poll() ?: Scratch()

        fun give(scratch: Scratch) {
            idle.add(scratch)
        }
    }
}
