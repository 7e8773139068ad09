package dev.onceward.internal

import dev.onceward.ClosedException
import dev.onceward.Consumer
import dev.onceward.asked
import java.time.Duration

/** A consumer in a rig: what `onceward-testing` is made of, and nobody else's. */
public class RigLife(consumer: Consumer, seed: Long, begin: Long?, partitions: Map<String, Int>, patience: Duration) : AutoCloseable {
    private val life: Life = consumer.opened()
    private var native: NativeRig? = asked { NativeRig.start(life.session, seed.toULong(), begin, partitions, patience) }

    init {
        life.pump()
    }

    /** Asks the rig something. */
    public fun <T> ask(call: (NativeRig) -> T): T {
        val rig = native ?: throw ClosedException("this rig is closed")
        return asked { call(rig) }
    }

    /** What waits and what is in hand is dropped: the process that it belonged to dies. */
    public fun clear(): Unit = life.session.clear()

    override fun close() {
        native?.close()
        native = null
        life.finish()
    }

    public companion object {
        /** A row, as people read it. */
        public fun row(row: List<NativeValue>): List<Any?> = cells(row)

        /** Strict JSON. */
        public fun json(text: String): Any? = Json.read(text)

        /** A record, as it crosses. */
        public fun record(topic: String, record: dev.onceward.Publish): NativeRecord = record.record(topic)
    }
}
