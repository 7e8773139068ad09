import dev.onceward.testing.Rig
import io.opentelemetry.api.trace.Span
import kotlinx.coroutines.Dispatchers
import kotlinx.coroutines.delay
import kotlinx.coroutines.withContext
import org.junit.jupiter.api.Assertions.assertEquals
import org.junit.jupiter.api.Assertions.assertNull
import org.junit.jupiter.api.Assertions.assertTrue
import org.junit.jupiter.api.Test
import org.slf4j.MDC
import java.util.concurrent.ConcurrentHashMap

class ContextTest {
    @Test
    fun `the MDC follows a handler to other threads, and nobody else sees it`() {
        val seen = ConcurrentHashMap<String, String>()
        MDC.put("service", "billing")
        val app = app().on("orders") { event ->
            delay(5)
            withContext(Dispatchers.IO) {
                delay(5)
                seen[event.id] = MDC.get("correlation_id") + " " + MDC.get("attempt") + " " + MDC.get("service")
            }
        }
        Rig(app).use { rig ->
            repeat(50) { rig.send("orders", dev.onceward.Publish.text("x", key = "k$it", headers = flow("flow-$it"), id = "e$it")) }
            rig.run()
        }
        assertEquals((0..<50).associate { "e$it" to "flow-$it 1 billing" }, seen)
        assertNull(MDC.get("correlation_id"), "the caller's own thread")
        MDC.clear()
    }

    @Test
    fun `the event's trace is OpenTelemetry's current one, wherever the handler is resumed`() {
        val seen = ConcurrentHashMap<String, String>()
        val trace = "0af7651916cd43dd8448eb211c80319c"
        val header = dev.onceward.Header("traceparent", "00-$trace-b7ad6b7169203331-01".encodeToByteArray())
        val app = app().on("orders") { event ->
            withContext(Dispatchers.IO) {
                delay(5)
                seen[event.id] = Span.current().spanContext.traceId + " " + Span.current().spanContext.isRemote
            }
        }
        Rig(app).use { rig ->
            rig.send("orders", dev.onceward.Publish.text("x", key = "k", headers = listOf(header), id = "e1"))
            rig.run()
        }
        assertEquals(mapOf("e1" to "$trace true"), seen)
        assertEquals(false, Span.current().spanContext.isValid, "the caller's own thread")
    }

    @Test
    fun `events of one run have each their own`() {
        val seen = ArrayList<String>()
        val app = app().on("orders") { seen += MDC.get("offset") }
        Rig(app).use { rig ->
            repeat(20) { rig.send("orders", dev.onceward.Publish.text("x", key = "one key", id = "e$it")) }
            rig.run()
        }
        assertEquals((0..<20).map { it.toString() }, seen)
    }

    @Test
    fun `a loop over a batch enters each event, and its end leaves the last`() {
        val seen = ArrayList<String?>()
        val app = app().onBatch("orders") { batch ->
            for (event in batch) {
                delay(1)
                seen += MDC.get("offset")
            }
            seen += MDC.get("offset")
        }
        Rig(app).use { rig ->
            repeat(3) { rig.send("orders", dev.onceward.Publish.text("x", key = "k$it", id = "e$it")) }
            rig.run()
        }
        assertEquals(listOf("0", "1", "2", null), seen)
    }

    @Test
    fun `parts of an event are as they were sent`() {
        var checked = false
        val app = app().on("orders") { event ->
            assertEquals(listOf("a" to "1", "a" to null, "b" to ""), event.headers.filter { it.name.length == 1 }.map { it.name to it.text })
            assertNull(event.key)
            assertEquals("schön", event.text())
            assertEquals(mapOf("topic" to "orders"), mapOf("topic" to event.topic))
            assertEquals(32, event.idempotencyKey.length)
            checked = true
        }
        val header = { name: String, value: String? -> dev.onceward.Header(name, value?.encodeToByteArray()) }
        Rig(app).use { rig ->
            rig.send("orders", dev.onceward.Publish.text("schön", headers = listOf(header("a", "1"), header("a", null), header("b", ""))))
            rig.run()
            assertTrue(rig.deadLetters.isEmpty(), "${rig.deadLetters.map { it.header("kafka_dlt-exception-message") }}")
        }
        assertTrue(checked)
    }

    private fun flow(id: String) = listOf(dev.onceward.Header("correlation-id", id.encodeToByteArray()))
}
