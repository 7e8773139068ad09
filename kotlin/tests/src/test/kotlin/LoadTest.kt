import dev.onceward.Publish
import dev.onceward.testing.Rig
import java.io.File
import java.net.URLClassLoader
import org.junit.jupiter.api.Assertions.assertEquals
import org.junit.jupiter.api.Assertions.assertNotSame
import org.junit.jupiter.api.Assertions.assertTrue
import org.junit.jupiter.api.Test

class LoadTest {
    /** As application servers do, and reloading development servers. */
    @Test
    fun `two class loaders have each their own library`() {
        val path = System.getProperty("java.class.path").split(File.pathSeparator).map { File(it).toURI().toURL() }.toTypedArray()
        repeat(2) {
            URLClassLoader(path, ClassLoader.getPlatformClassLoader()).use { loader ->
                val library = loader.loadClass("dev.onceward.internal.Onceward_kotlinKt")
                assertNotSame(dev.onceward.Consumer::class.java, loader.loadClass("dev.onceward.Consumer"))
                val load = loader.loadClass("dev.onceward.internal.Library")
                load.getMethod("load").invoke(load.getField("INSTANCE").get(null))
                val codes = library.getMethod("errorCodes").invoke(null) as List<*>
                assertTrue("config" in codes, "$codes")
            }
        }
    }

    /** Buffers of hand-overs are the heap's: nothing is freed beneath an event, however long it is kept. */
    @Test
    fun `the collector may come at any time`() {
        val kept = ArrayList<dev.onceward.Event>()
        val app = app().on("orders") { event ->
            if (event.offset % 100 == 0L) System.gc()
            kept += event
        }
        Rig(app).use { rig ->
            repeat(1000) { rig.send("orders", Publish.text("value $it", key = "key", id = "e$it")) }
            rig.run()
        }
        System.gc()
        kept.forEachIndexed { number, event -> assertEquals("e$number value $number key", "${event.id} ${event.text()} ${event.key!!.decodeToString()}") }
    }
}
