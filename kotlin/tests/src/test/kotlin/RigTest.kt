import dev.onceward.Backoff
import dev.onceward.ClosedException
import dev.onceward.Publish
import dev.onceward.testing.Rig
import dev.onceward.testing.Rigs
import kotlin.time.Duration.Companion.hours
import org.junit.jupiter.api.AfterAll
import org.junit.jupiter.api.Assertions.assertEquals
import org.junit.jupiter.api.Assertions.assertThrows
import org.junit.jupiter.api.Assertions.assertTrue
import org.junit.jupiter.api.Test
import org.junit.jupiter.api.extension.RegisterExtension

class RigTest {
    @RegisterExtension
    @JvmField
    val rigs = Rigs()

    @Test
    fun `hours pass at once, a crash forgets nothing that was marked, and a revoked partition comes back`() {
        var fails = true
        val app = app().on("orders", retry = Backoff(attempts = 3, first = 1.hours, max = 2.hours, total = 24.hours)) { if (it.id == "e1" && fails) TODO() }
        val rig = rigs.of(app, partitions = mapOf("orders" to 2)).also { kept += it }
        rig.send("orders", Publish.text("x", key = "k", id = "e1"), partition = 1)
        rig.send("orders", Publish.text("x", key = "k", id = "e2"), partition = 0)
        while (rig.attempts("e1") < 1) assertTrue(rig.step())
        rig.crash()
        fails = false
        rig.run()
        assertEquals(listOf("e1", "e2"), rig.handled.sorted())
        rig.revoke("orders", 1)
        rig.run()
        rig.assign("orders", 1)
        rig.send("orders", Publish.text("x", key = "k", id = "e3"), partition = 1)
        rig.advance(1.hours)
        assertEquals(2L, rig.committed("orders", 1))
        assertTrue(rig.now >= 1.hours)
    }

    @Test
    fun `a store that fails is nobody's failure`() {
        val rig = rigs.of(app().on("orders") { }).also { kept += it }
        rig.failStore(2)
        rig.events("e1")
        rig.run()
        assertEquals(listOf("e1"), rig.handled)
        assertEquals(1, rig.attempts("e1"))
    }

    private companion object {
        val kept = ArrayList<Rig>()

        @JvmStatic
        @AfterAll
        fun closed() {
            assertEquals(2, kept.size)
            kept.forEach { rig -> assertThrows(ClosedException::class.java) { rig.handled } }
        }
    }
}
