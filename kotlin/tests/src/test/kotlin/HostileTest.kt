import dev.onceward.Backoff
import dev.onceward.Event
import dev.onceward.testing.Rig
import kotlin.time.Duration.Companion.seconds
import kotlinx.coroutines.CancellationException
import kotlinx.coroutines.CoroutineScope
import kotlinx.coroutines.asCoroutineDispatcher
import kotlinx.coroutines.awaitCancellation
import kotlinx.coroutines.cancel
import kotlinx.coroutines.currentCoroutineContext
import kotlinx.coroutines.job
import kotlinx.coroutines.launch
import kotlinx.coroutines.withTimeout
import org.junit.jupiter.api.Assertions.assertEquals
import org.junit.jupiter.api.Assertions.assertTrue
import org.junit.jupiter.api.DynamicTest
import org.junit.jupiter.api.DynamicTest.dynamicTest
import org.junit.jupiter.api.Test
import org.junit.jupiter.api.TestFactory

private class Liar : RuntimeException() {
    override val message: String get() = throw IllegalStateException("no message for you")

    override fun toString(): String = throw IllegalStateException("no text either")

    override fun getStackTrace(): Array<StackTraceElement> = throw IllegalStateException("nor a stack")
}

private class Loop : RuntimeException("a loop") {
    override val cause: Throwable get() = this
}

private fun deep(depth: Long): Long = deep(depth + 1) + 1

/** Whatever a handler does, its event has an outcome, and the others never notice. */
class HostileTest {
    private val hostile: Map<String, suspend (Event) -> Unit> = mapOf(
        "TODO" to { TODO("later") },
        "assertion" to { throw AssertionError("wrong") },
        "stack" to { deep(0) },
        "memory" to { throw OutOfMemoryError("as if") },
        "linkage" to { throw NoClassDefFoundError("gone/Class") },
        "interrupted" to { throw InterruptedException() },
        "without a text" to { throw RuntimeException() },
        "liar" to { throw Liar() },
        "a cause of itself" to { throw Loop() },
        "a cancellation of its own" to { throw CancellationException("I give up") },
        "a timeout of its own" to { withTimeout(5) { awaitCancellation() } },
        "cancels itself and waits" to {
            currentCoroutineContext().cancel()
            awaitCancellation()
        },
        "a child that fails" to {
            CoroutineScope(currentCoroutineContext()).launch { throw IllegalStateException("child") }
            awaitCancellation()
        },
    )

    @TestFactory
    fun `each is tried again and dead-lettered, and its neighbours are handled`(): List<DynamicTest> = hostile.map { (name, act) ->
        dynamicTest(name) {
            val app = app().on("orders", retry = Backoff(attempts = 2, first = 1.seconds)) { if (it.id == "bad") act(it) }
            Rig(app).use { rig ->
                rig.events("before", "bad", "after")
                rig.run()
                assertEquals(setOf("before", "after"), rig.handled.toSet())
                assertEquals(listOf("bad" to 2), rig.deadLetters.map { it.id to it.attempts })
            }
        }
    }

    @Test
    fun `what a child failed of is what the letter says`() {
        val app = app().on("orders", retry = Backoff(attempts = 1)) { hostile.getValue("a child that fails")(it) }
        Rig(app).use { rig ->
            rig.events("e1")
            rig.run()
            assertEquals("java.lang.IllegalStateException", rig.deadLetters.single().header("kafka_dlt-exception-fqcn"))
        }
    }

    @Test
    fun `a handler that cancels itself and returns is done, and the next event of its key has a live coroutine`() {
        val lives = ArrayList<Boolean>()
        val app = app().on("orders") {
            lives += currentCoroutineContext().job.isActive
            currentCoroutineContext().cancel()
        }
        Rig(app).use { rig ->
            repeat(3) { rig.send("orders", dev.onceward.Publish.json(1, key = "one key", id = "e$it")) }
            rig.run()
            assertEquals(listOf("e0", "e1", "e2"), rig.handled)
            assertEquals(listOf(true, true, true), lives)
        }
    }

    @Test
    fun `an executor that was shut down takes no handler, and each event has an outcome all the same`() {
        val executor = java.util.concurrent.Executors.newSingleThreadExecutor().also { it.shutdown() }
        val app = app().on("orders", retry = Backoff(attempts = 2), context = executor.asCoroutineDispatcher()) { }
            .onBatch("mails", retry = Backoff(attempts = 2), context = executor.asCoroutineDispatcher()) { }
        Rig(app).use { rig ->
            rig.events("e1")
            rig.events("m1", topic = "mails")
            rig.run()
            assertEquals(setOf("e1" to 2, "m1" to 2), rig.deadLetters.map { it.id to it.attempts }.toSet())
            val why = rig.deadLetters.map { it.header("kafka_dlt-exception-fqcn") }.toSet()
            assertEquals(setOf("java.util.concurrent.RejectedExecutionException"), why)
        }
    }

    @Test
    fun `a context with a job that ended long ago is no parent`() {
        val app = app().on("orders", context = kotlinx.coroutines.Job().apply { cancel() }) { }
        Rig(app).use { rig ->
            rig.events("e1")
            rig.run()
            assertEquals(listOf("e1"), rig.handled)
        }
    }

    @Test
    fun `what is recorded when the handler has ended is ignored, and said`() {
        var kept: Event? = null
        val app = app { set("setup_sql", listOf("CREATE TABLE t(x TEXT)")) }.on("orders") { kept = it }
        Rig(app).use { rig ->
            rig.events("e1")
            rig.run()
            kept!!.effect("INSERT INTO t VALUES ('late')", emptyList())
            rig.run()
            assertTrue(rig.sql("SELECT * FROM t").isEmpty())
            assertEquals(1, kept!!.attempt, "what was handed over can still be read")
        }
    }

    @Test
    fun `events of a batch fail alone, and an error of the call is nobody's attempt`() {
        val sizes = ArrayList<Int>()
        val app = app().onBatch("orders", retry = Backoff(attempts = 1)) { batch ->
            synchronized(sizes) { sizes += batch.size }
            if (batch.size > 1) throw StackOverflowError()
            if (batch[0].id == "e1") TODO()
        }
        Rig(app).use { rig ->
            rig.events("e0", "e1", "e2")
            rig.run()
            assertEquals(setOf("e0", "e2"), rig.handled.toSet())
            assertEquals(listOf("e1"), rig.deadLetters.map { it.id })
        }
    }
}
