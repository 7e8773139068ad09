package dev.onceward.testing

import dev.onceward.Consumer
import dev.onceward.Publish
import dev.onceward.internal.NativeMove
import dev.onceward.internal.NativeWhich
import dev.onceward.internal.RigLife
import java.time.Instant
import kotlin.time.Duration
import kotlin.time.Duration.Companion.seconds
import kotlin.time.toJavaDuration
import kotlin.time.toKotlinDuration

/** Which letters: everything that is given must fit. Nothing: all. */
public data class Which(
    val fingerprint: String? = null,
    val reason: String? = null,
    val key: String? = null,
    val partition: Int? = null,
    val letter: String? = null,
)

/**
 * A handler's life without a broker: the real core, simulated time, and your handlers as they are.
 *
 * ```kotlin
 * Rig(app).use { rig ->
 *     rig.send("orders", Publish.json(mapOf("id" to "o1", "total" to 9.5), key = "c1", id = "e1"))
 *     rig.run()
 *     assertEquals(listOf("e1"), rig.handled)
 * }
 * ```
 *
 * Brokers are not contacted, and the inbox is a file of the rig's own. Waits between attempts are jumped over. While a handler works, the
 * simulated clock stands still: delays and I/O in handlers take their real time. The consumer itself is not changed, and may be put into any
 * number of rigs.
 *
 * @param seed for the jitter of retries.
 * @param start wall time at its beginning.
 * @param partitions how many partitions a topic has. Default 1.
 * @param patience real time that one call may take before it is an error.
 */
public class Rig(
    app: Consumer,
    seed: Long = 1,
    start: Instant? = null,
    partitions: Map<String, Int> = emptyMap(),
    patience: Duration = 60.seconds,
) : AutoCloseable {
    /** With what is usual. */
    public constructor(app: Consumer) : this(app, 1)

    private val life = RigLife(app, seed, start?.toEpochMilli(), partitions, patience.toJavaDuration())

    /** Ends it. Afterwards nothing can be asked. */
    override fun close(): Unit = life.close()

    /** Puts a record into a subscribed topic. */
    @JvmOverloads
    public fun send(topic: String, record: Publish = Publish(), timestamp: Instant? = null, partition: Int? = null): Position =
        life.ask { it.send(RigLife.record(topic, record), timestamp?.toEpochMilli(), partition) }.let { Position(it.topic, it.partition, it.offset) }

    /** Until nothing is left to do. Hours of back-off pass in milliseconds. */
    public fun run(): Unit = life.ask { it.run() }

    /** One step; false: nothing is left to do. */
    public fun step(): Boolean = life.ask { it.step() }

    /** Lets time pass, and everything that happens meanwhile. */
    @JvmSynthetic
    public fun advance(by: Duration): Unit = advance(by.toJavaDuration())

    /** As above. */
    public fun advance(by: java.time.Duration): Unit = life.ask { it.advance(by) }

    /** The process dies and starts again: reading goes on at the committed offsets, the inbox's file stays. */
    public fun crash() {
        life.clear()
        life.ask { it.crash() }
    }

    /** The group takes a partition away; it is drained by the next [run]. */
    @JvmOverloads
    public fun revoke(topic: String, partition: Int = 0): Unit = life.ask { it.group(NativeMove.REVOKE, topic, partition) }

    /** The partition is another member's before this one knew. */
    @JvmOverloads
    public fun lose(topic: String, partition: Int = 0): Unit = life.ask { it.group(NativeMove.LOSE, topic, partition) }

    /** The group gives a partition back. */
    @JvmOverloads
    public fun assign(topic: String, partition: Int = 0): Unit = life.ask { it.group(NativeMove.ASSIGN, topic, partition) }

    /** The inbox fails to write so many times. */
    @JvmOverloads
    public fun failStore(times: Int = 1): Unit = life.ask { it.failStore(times.toUInt()) }

    /** The broker refuses so many writes of dead letters and publishes. */
    @JvmOverloads
    public fun failProduce(times: Int = 1): Unit = life.ask { it.failProduce(times.toUInt()) }

    /**
     * Asks that open dead letters are handled again, as `onceward dlt replay --yes` does; the next [run] carries it out. How many were asked
     * for: those that are held behind another one run by themselves, and those of which `max_replays` replays failed are left out.
     */
    @JvmOverloads
    public fun replay(which: Which = Which()): Int = life.ask { it.replay(which.native()) }.toInt()

    /** Asks that dead letters, open and held ones, are settled unhandled, as `onceward dlt discard --yes` does. How many were asked for. */
    @JvmOverloads
    public fun discard(which: Which = Which()): Int = life.ask { it.discard(which.native()) }.toInt()

    /** Keys that wait behind a dead letter. */
    public val held: List<HeldKey> get() = life.ask { it.held() }.map(::HeldKey)

    /** Simulated time since the rig began. */
    @get:JvmSynthetic
    public val now: Duration get() = life.ask { it.now() }.toKotlinDuration()

    /** Ids of the events handled and marked, in the order of their marks. */
    public val handled: List<String> get() = life.ask { it.handled() }

    /** Handler calls for an event. */
    public fun attempts(id: String): Int = life.ask { it.attempts(id) }.toInt()

    /** The offset that the group has committed. */
    @JvmOverloads
    public fun committed(topic: String, partition: Int = 0): Long? = life.ask { it.committed(topic, partition) }

    /** Oldest first, each as it stands. */
    public val deadLetters: List<FoundLetter> get() = life.ask { it.deadLetters() }.map(::FoundLetter)

    /** In the order of arrival. */
    public val published: List<FoundRecord> get() = life.ask { it.published() }.map(::FoundRecord)

    /** Rows of your tables in the inbox's file. */
    public fun sql(query: String): List<List<Any?>> = life.ask { it.sql(query) }.map(RigLife::row)

    /** Lines of the core, INFO and above. */
    public val logs: List<LogLine> get() = life.ask { it.logs() }.map(::LogLine)

    /** Everything that happened, with its simulated time. */
    public val history: List<String> get() = life.ask { it.history() }

    private fun Which.native() = NativeWhich(fingerprint, reason, key?.encodeToByteArray(), partition, letter)
}
