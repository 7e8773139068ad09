import dev.onceward.Backoff
import dev.onceward.ClosedException
import dev.onceward.ConfigException
import dev.onceward.Consumer
import dev.onceward.testing.Rig
import kotlin.time.Duration.Companion.seconds
import org.junit.jupiter.api.Assertions.assertEquals
import org.junit.jupiter.api.Assertions.assertThrows
import org.junit.jupiter.api.Assertions.assertTrue
import org.junit.jupiter.api.Test

class SettingsTest {
    @Test
    fun `all problems are told at once, with their paths`() {
        val error = assertThrows(ConfigException::class.java) { Consumer(brokers = "localhost:9092") { set("concurrency", 0) } }
        val paths = error.problems.map { it.path }
        assertTrue(listOf("group", "concurrency", "auto_offset_reset").all { it in paths }, "$paths")
        assertEquals("config", error.code)
    }

    @Test
    fun `what stands in tables arrives there`() {
        val error = assertThrows(ConfigException::class.java) {
            app {
                telemetry.listen = "nowhere"
                topic("orders").handlerTimeout = "never"
                topic("orders").retry.attempts = 0
                concurrency = 3
            }
        }
        val wanted = listOf("telemetry.listen", "topics.orders.handler_timeout", "topics.orders.retry.attempts")
        assertEquals(wanted, error.problems.map { it.path }.sorted())
    }

    @Test
    fun `a closed rig says so, and a handler of a closed run keeps what it read`() {
        val rig = Rig(app().on("orders") { })
        rig.close()
        assertThrows(ClosedException::class.java) { rig.run() }
    }

    @Test
    fun `two timeouts of one handler and a policy out of range are refused at start`() {
        val app = app().on("orders", retry = Backoff(attempts = 0, first = 1.seconds)) { }
        assertThrows(ConfigException::class.java) { Rig(app) }
    }

    @Test
    fun `parameters that are no values are refused by their position`() {
        val app = app { set("setup_sql", listOf("CREATE TABLE t(x TEXT)")) }
            .on("orders", retry = Backoff(attempts = 1)) { it.effect("INSERT INTO t VALUES (?, ?)", listOf(1, java.time.LocalDate.EPOCH)) }
        Rig(app).use { rig ->
            rig.events("e1")
            rig.run()
            assertTrue("params[1]" in rig.deadLetters.single().header("kafka_dlt-exception-message")!!)
        }
    }
}
