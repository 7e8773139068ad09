import dev.onceward.BrokerException
import dev.onceward.Consumer
import dev.onceward.OffsetReset.Earliest
import dev.onceward.Publish
import dev.onceward.Retry
import dev.onceward.Until
import java.nio.file.Files
import java.nio.file.Path
import java.util.concurrent.ConcurrentHashMap
import java.util.concurrent.ConcurrentLinkedQueue
import java.util.concurrent.atomic.AtomicInteger
import kotlin.concurrent.thread
import kotlin.time.Duration.Companion.milliseconds
import kotlin.time.Duration.Companion.seconds
import kotlin.time.TimeSource
import kotlinx.coroutines.CompletableDeferred
import kotlinx.coroutines.awaitCancellation
import kotlinx.coroutines.cancelAndJoin
import kotlinx.coroutines.delay
import kotlinx.coroutines.flow.take
import kotlinx.coroutines.flow.toList
import kotlinx.coroutines.launch
import kotlinx.coroutines.runBlocking
import kotlinx.coroutines.withTimeout
import org.junit.jupiter.api.Assertions.assertEquals
import org.junit.jupiter.api.Assertions.assertThrows
import org.junit.jupiter.api.Assertions.assertTrue
import org.junit.jupiter.api.Assumptions.assumeTrue
import org.junit.jupiter.api.BeforeEach
import org.junit.jupiter.api.Test
import org.junit.jupiter.api.io.TempDir

class BrokerTest {
    @TempDir
    lateinit var folder: Path

    @BeforeEach
    fun needed() = assumeTrue(Broker.address != null, "ONCEWARD_TEST_BROKERS names no broker")

    private fun app(topic: String, more: Map<String, Any?> = emptyMap()): Consumer =
        Consumer(brokers = Broker.address, group = "$topic-group", inbox = "sqlite:$folder/inbox.db", autoOffsetReset = Earliest) {
            set("create_topics", true)
            more.forEach { (name, value) -> set(name, value) }
        }

    @Test
    fun `everything once, in order per key, in parallel over keys`() = runBlocking {
        val topic = Broker.topic()
        Broker.fill(topic, 0..<2000, keys = 50)
        val seen = ConcurrentHashMap<String, ConcurrentLinkedQueue<Int>>()
        val app = app(topic).on(topic) { event ->
            delay(1)
            seen.computeIfAbsent(event.key!!.decodeToString()) { ConcurrentLinkedQueue() } += event.text().toInt()
        }
        val summary = withTimeout(60.seconds) { app.run(Until.End) }
        assertEquals(2000, summary.handled)
        seen.forEach { (key, numbers) -> assertEquals((0..<2000).filter { "k${it % 50}" == key }, numbers.toList()) }
        assertEquals(0, withTimeout(60.seconds) { app(topic).on(topic) { }.run(Until.End) }.handled, "a second run has nothing to do")
    }

    @Test
    fun `cancelling the scope drains`() = runBlocking {
        val topic = Broker.topic(1)
        Broker.fill(topic, 0..<1, keys = 1)
        val (began, may) = CompletableDeferred<Unit>() to CompletableDeferred<Unit>()
        val ended = AtomicInteger()
        val running = launch {
            app(topic).on(topic) {
                began.complete(Unit)
                may.await()
                ended.incrementAndGet()
            }.run()
        }
        began.await()
        val stopping = launch { running.cancelAndJoin() }
        delay(100)
        assertTrue(running.isActive || running.isCancelled && !running.isCompleted, "it waits for its handler")
        may.complete(Unit)
        withTimeout(30.seconds) { stopping.join() }
        assertEquals(1, ended.get(), "what had begun came to its end")
        assertEquals(0, withTimeout(60.seconds) { app(topic).on(topic) { }.run(Until.End) }.handled, "and was marked")
    }

    @Test
    fun `a handler that never returns is cancelled at its timeout, and is no other key's problem`() = runBlocking {
        val topic = Broker.topic(1)
        Broker.fill(topic, 0..<20, keys = 20)
        val once = dev.onceward.Backoff(attempts = 1)
        val app = app(topic).on(topic, retry = once, timeout = 1.seconds) { if (it.id == "e3") awaitCancellation() }
        val summary = withTimeout(60.seconds) { app.run(Until.End) }
        assertEquals(19, summary.handled)
        assertEquals(1, summary.deadLetters)
    }

    @Test
    fun `a handler that blocks for ever does not keep the run from ending`() = runBlocking {
        val topic = Broker.topic(1)
        Broker.fill(topic, 0..<1, keys = 1)
        val began = CompletableDeferred<Unit>()
        val app = app(topic, mapOf("drain_deadline" to "1s")).on(topic) {
            began.complete(Unit)
            Thread.sleep(Long.MAX_VALUE)
        }
        val running = launch { app.run() }
        began.await()
        val since = TimeSource.Monotonic.markNow()
        withTimeout(30.seconds) { running.cancelAndJoin() }
        assertTrue(since.elapsedNow() < 15.seconds, "${since.elapsedNow()}")
    }

    @Test
    fun `the flow gives one event after the other, and leaves what it did not finish`() = runBlocking {
        val topic = Broker.topic(1)
        Broker.fill(topic, 0..<5, keys = 1)
        // Leaving does not wait for the event behind: far less than the 25 s that a drain may take.
        val taken = withTimeout(15.seconds) { app(topic).events(topic).take(3).toList() }
        assertEquals(listOf("e0", "e1", "e2"), taken.map { it.id })
        val left = ConcurrentLinkedQueue<String>()
        withTimeout(60.seconds) { app(topic).on(topic) { left += it.id }.run(Until.End) }
        assertEquals(listOf("e2", "e3", "e4"), left.toList(), "the third was in hand when the collector left")
    }

    @Test
    fun `use, publish and pause from outside, letters are told`() = runBlocking {
        val topic = Broker.topic(1)
        Broker.fill(topic, 0..<1, keys = 1)
        val (told, got) = CompletableDeferred<String>() to CompletableDeferred<String>()
        app(topic).use { app ->
            app.onDeadLetter { told.complete(it.letterId) }
            app.on(topic) { event ->
                if (event.id == "e0" && event.attempt == 1) throw Retry(10.milliseconds)
                if (event.id == "e0") throw dev.onceward.Reject("not ours")
                got.complete(event.text())
            }
            val running = launch { app.run() }
            withTimeout(30.seconds) { told.await() }
            app.publish(topic, Publish.text("from outside", key = "k"))
            assertEquals("from outside", withTimeout(30.seconds) { got.await() })
            app.pause(topic)
            app.resume(topic)
            app.stop()
            running.join()
        }
    }

    @Test
    fun `a broker that is not there is said`() {
        val app = Consumer(brokers = "127.0.0.1:1", group = "g", inbox = "sqlite:$folder/inbox.db", autoOffsetReset = Earliest)
            .on("orders") { }
        assertThrows(BrokerException::class.java) { runBlocking { withTimeout(60.seconds) { app.run() } } }
    }

    @Test
    fun `two processes, one of them killed, and each effect is there once`() {
        val topic = Broker.topic()
        var sent = 0
        fun more(count: Int) = Broker.fill(topic, sent..<sent + count, keys = 200).also { sent += count }
        val (first, second) = member(topic) to member(topic)
        try {
            // Whoever joins first would have done everything before the other is there: there is more until both have something.
            val since = TimeSource.Monotonic.markNow()
            while (first.handled.size < 50 || second.handled.size < 50) {
                assertTrue(since.elapsedNow() < 60.seconds, "${first.handled.size} and ${second.handled.size} handled; ${first.log()}${second.log()}")
                more(100)
            }
            more(1000)
            first.process.destroyForcibly().waitFor()
            second.until(60.seconds) { (it + first.handled).size == sent }
            second.process.destroy()
            assertTrue(second.process.waitFor(40, java.util.concurrent.TimeUnit.SECONDS), "SIGTERM drains and ends it")
        } finally {
            listOf(first, second).forEach { it.process.destroyForcibly() }
        }
        assertEquals(listOf(sent.toLong(), sent.toLong()), counted(topic))
    }

    /** Rows and different ids, read in a handler of a third process's life. */
    private fun counted(topic: String): List<Any?> = runBlocking {
        val probe = Broker.topic(1)
        Broker.fill(probe, 0..<1, keys = 1)
        var found: List<Any?> = emptyList()
        // What the killed process had done and not marked is done before the counting.
        withTimeout(60.seconds) { Member.consumer(topic, "$folder/inbox.db").run(Until.End) }
        withTimeout(60.seconds) {
            app(probe).on(probe, reads = true) { found = it.query("SELECT count(*), count(DISTINCT id) FROM done").single() }.run(Until.End)
        }
        found
    }

    private class Running(val process: Process, private val log: java.io.File) {
        fun log(): String = log.readText()

        val handled = ConcurrentHashMap.newKeySet<String>()

        init {
            thread(isDaemon = true) { process.inputReader().forEachLine { if (it.startsWith("handled ")) handled += it.substring(8) } }
        }

        fun until(limit: kotlin.time.Duration, reached: (Set<String>) -> Boolean) {
            val since = TimeSource.Monotonic.markNow()
            while (!reached(handled)) {
                assertTrue(since.elapsedNow() < limit, "${handled.size} handled within $limit; alive: ${process.isAlive}; ${log()}")
                Thread.sleep(10)
            }
        }
    }

    private fun member(topic: String): Running {
        val java = Path.of(System.getProperty("java.home"), "bin", "java").toString()
        val log = Files.createTempFile(folder, "member", ".log").toFile()
        val command = listOf(java, "-Xmx256m", "-cp", System.getProperty("java.class.path"), "Member", topic, "$folder/inbox.db", "Stopped")
        return Running(ProcessBuilder(command).redirectError(log).start(), log)
    }
}
