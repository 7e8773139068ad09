import dev.onceward.Backoff
import dev.onceward.Consumer
import dev.onceward.DeadLetter
import dev.onceward.Event
import dev.onceward.OffsetReset.Earliest
import dev.onceward.PartitionLost
import dev.onceward.Reject
import dev.onceward.Until
import java.nio.file.Path
import java.util.concurrent.ConcurrentHashMap
import kotlin.time.Duration.Companion.milliseconds
import kotlin.time.Duration.Companion.seconds
import kotlinx.coroutines.CancellationException
import kotlinx.coroutines.NonCancellable
import kotlinx.coroutines.async
import kotlinx.coroutines.awaitCancellation
import kotlinx.coroutines.delay
import kotlinx.coroutines.runBlocking
import kotlinx.coroutines.withContext
import kotlinx.coroutines.withTimeout
import kotlinx.coroutines.withTimeoutOrNull
import org.junit.jupiter.api.Assertions.assertEquals
import org.junit.jupiter.api.Assertions.assertTrue
import org.junit.jupiter.api.Assumptions.assumeTrue
import org.junit.jupiter.api.BeforeEach
import org.junit.jupiter.api.Test
import org.junit.jupiter.api.io.TempDir
import org.junit.jupiter.params.ParameterizedTest
import org.junit.jupiter.params.provider.ValueSource

/** Handlers that are told to stop: when, and when not, and what they say after it. */
class StopTest {
    @TempDir
    lateinit var folder: Path

    @BeforeEach
    fun needed() = assumeTrue(Broker.address != null, "ONCEWARD_TEST_BROKERS names no broker")

    private fun app(topic: String, name: String = "inbox", more: Map<String, Any?> = emptyMap()) =
        Consumer(brokers = Broker.address, group = "$topic-group", inbox = "sqlite:$folder/$name.db", autoOffsetReset = Earliest) {
            set("create_topics", true)
            more.forEach { (name, value) -> set(name, value) }
        }

    @Test
    fun `a timeout is of the event in hand, not of the next one of its key`() = runBlocking {
        val topic = Broker.topic(1)
        Broker.fill(topic, 0..<10, keys = 1)
        val app = app(topic).on(topic, retry = Backoff(attempts = 1), timeout = 1.seconds) { event ->
            // Late, and deaf to it; the word of it comes while the next one is in hand, which is in time.
            if (event.offset % 2 == 0L) withContext(NonCancellable) { delay(1010.milliseconds + 18.milliseconds * event.offset.toInt()) } else delay(250)
        }
        val summary = withTimeout(60.seconds) { app.run(Until.End) }
        assertEquals(0, summary.deadLetters, "$summary")
    }

    @Test
    fun `what a handler throws after its timeout is what it says, unless it only stops`() = runBlocking {
        val topic = Broker.topic(1)
        Broker.fill(topic, 0..<2, keys = 2)
        val told = ConcurrentHashMap<Long, DeadLetter>()
        val app = app(topic).on(topic, retry = Backoff(attempts = 1), timeout = 1.seconds) { event ->
            try {
                awaitCancellation()
            } catch (error: CancellationException) {
                throw if (event.offset == 0L) Reject("the bank has refused") else error
            }
        }
        withTimeout(60.seconds) { app.onDeadLetter { told[it.offset] = it }.run(Until.End) }
        assertEquals("rejected" to "the bank has refused", told.getValue(0).run { reason to message })
        assertEquals("exhausted" to "HandlerTimeout", told.getValue(1).run { reason to errorType.substringAfterLast('.') })
    }

    @ParameterizedTest
    @ValueSource(booleans = [false, true])
    fun `a partition that goes to another member cancels the handlers that it does not wait for any longer`(batch: Boolean) = runBlocking {
        val topic = Broker.topic(2)
        Broker.fill(topic, 0..<40, keys = 20)
        val (begun, stopped) = ConcurrentHashMap.newKeySet<Int>() to ConcurrentHashMap<Int, Throwable>()
        suspend fun stuck(event: Event) {
            begun += event.partition
            try {
                awaitCancellation()
            } catch (error: CancellationException) {
                stopped[event.partition] = error
                throw error
            }
        }
        // It waits for handlers for a second, and then gives the partition back without them.
        val first = app(topic, "first", mapOf("drain_deadline" to "1s"))
        if (batch) first.onBatch(topic, size = 1, atOnce = 40) { stuck(it[0]) } else first.on(topic) { stuck(it) }
        val moved = ConcurrentHashMap.newKeySet<Int>()
        val second = app(topic, "second").on(topic) { moved += it.partition }
        val running = async { first.run(signals = false) }
        until("handlers of both partitions began") { begun.size == 2 }
        val others = async { second.run(signals = false) }
        until("the other member handles what was taken away, and the handlers hear of it") { moved.isNotEmpty() && stopped.isNotEmpty() }
        assertEquals(moved, stopped.keys.toSet(), "no others hear of it")
        stopped.values.forEach { error -> assertTrue(error is PartitionLost || error.cause is PartitionLost, "$error") }
        second.stop()
        first.stop()
        for (summary in listOf(running.await(), others.await())) assertEquals(0L to 0L, summary.failedAttempts to summary.deadLetters, "$summary")
    }

    private suspend fun until(what: String, reached: () -> Boolean) =
        assertTrue(withTimeoutOrNull(60.seconds) { while (!reached()) delay(10) } != null, what)
}
