// shown: rig
import dev.onceward.Publish
import dev.onceward.testing.Rig
import org.junit.jupiter.api.Assertions.assertEquals
import org.junit.jupiter.api.Test

class BillingTest {
    @Test
    fun `an order is billed once, however often it arrives`() = Rig(billing()).use { rig ->
        repeat(2) { rig.send("orders", Publish.json(mapOf("id" to "o1", "total" to 9.5), key = "c1", id = "e1")) }
        rig.send("orders", Publish.json(mapOf("id" to "o2"), key = "c1", id = "e2"))
        rig.run()
        assertEquals(listOf<List<Any?>>(listOf("o1", 9.5)), rig.sql("SELECT order_id, total FROM invoice"))
        assertEquals(listOf("e2" to "rejected"), rig.deadLetters.map { it.id to it.reason })
        assertEquals(1, rig.published.size)
    }
}
// end
