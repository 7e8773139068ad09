import dev.onceward.Backoff
import dev.onceward.Header
import dev.onceward.Publish
import dev.onceward.testing.Rig
import org.junit.jupiter.api.Assertions.assertArrayEquals
import org.junit.jupiter.api.Assertions.assertEquals
import org.junit.jupiter.api.Assertions.assertNull
import org.junit.jupiter.api.Assertions.assertTrue
import org.junit.jupiter.api.Test

/** What handlers record arrives as it was given. */
class RecordTest {
    private val large = "ü".repeat(100_000)

    @Test
    fun `values of each kind, and of any size`() {
        val app = app { setupSql = listOf("CREATE TABLE t(n, i, r, x, b, large)") }.on("orders") { event ->
            event.effect("INSERT INTO t VALUES (?, ?, ?, ?, ?, ?)", null, Long.MIN_VALUE, 1.5, "schön 🦀", byteArrayOf(0, -1), "small")
            event.effect("INSERT INTO t VALUES (?, ?, ?, ?, ?, ?)", listOf(true, 1, 0.1f.toDouble(), "", ByteArray(0), large), expectRows = 1)
        }
        Rig(app).use { rig ->
            rig.events("e1")
            rig.run()
            assertTrue(rig.deadLetters.isEmpty(), "${rig.deadLetters.map { it.header("kafka_dlt-exception-message") }}")
            val (first, second) = rig.sql("SELECT n, i, r, x, hex(b), large FROM t ORDER BY rowid")
            assertEquals(listOf(null, Long.MIN_VALUE, 1.5, "schön 🦀", "00FF", "small"), first)
            assertEquals(listOf(1L, 1L, 0.1f.toDouble(), "", "", large), second)
        }
    }

    @Test
    fun `records to publish, small and large`() {
        val headers = listOf(Header("none", null), Header("empty", ByteArray(0)), Header("none", "x".encodeToByteArray()))
        val app = app().on("orders") { event ->
            event.publish("mails", Publish.text("a", key = "k", headers = headers, id = "own id"))
            event.publish("mails", Publish(key = null, value = null))
            event.publish("mails", Publish.text(large))
        }
        Rig(app).use { rig ->
            rig.events("e1")
            rig.run()
            val (small, empty, big) = rig.published
            assertEquals(listOf("own id", "k", "a"), listOf(small.id, small.key?.decodeToString(), small.value?.decodeToString()))
            assertEquals(headers.map { it.name to it.text }, small.headers.filter { it.name in listOf("none", "empty") }.map { it.name to it.text })
            assertNull(empty.key)
            assertNull(empty.value)
            assertArrayEquals(large.encodeToByteArray(), big.value)
        }
    }

    @Test
    fun `what is no text, no value or no number of rows fails the attempt, and nothing of it is recorded`() {
        val wrong = listOf<(dev.onceward.Event) -> Unit>(
            { it.effect("INSERT INTO t VALUES (?)", "half a pair: \ud83e") },
            { it.effect("INSERT INTO t VALUES (?)", java.time.Instant.EPOCH) },
            { it.effect("INSERT INTO t VALUES (1)", expectRows = -1) },
            { it.publish("mails", Publish(headers = listOf(Header("\udd80", null)))) },
        )
        val app = app { setupSql = listOf("CREATE TABLE t(x)") }.on("orders", retry = Backoff(attempts = 1)) { wrong[it.id.toInt()](it) }
        Rig(app).use { rig ->
            rig.events(*wrong.indices.map { "$it" }.toTypedArray())
            rig.run()
            assertEquals(wrong.size, rig.deadLetters.size)
            assertTrue(rig.sql("SELECT * FROM t").isEmpty() && rig.published.isEmpty())
        }
    }
}
