import dev.onceward.Consumer
import dev.onceward.OffsetReset.Earliest
import dev.onceward.Until
import java.lang.management.ManagementFactory
import java.nio.file.Files
import java.nio.file.Path
import java.util.concurrent.atomic.AtomicInteger
import kotlinx.coroutines.runBlocking
import org.junit.jupiter.api.Assertions.assertEquals
import org.junit.jupiter.api.Assertions.assertTrue
import org.junit.jupiter.api.Test
import org.junit.jupiter.api.condition.EnabledIfEnvironmentVariable
import org.junit.jupiter.api.io.TempDir

private const val MILLION = 1_000_000

/** A long life; `cargo xtask kotlin --long` has it. */
@EnabledIfEnvironmentVariable(named = "ONCEWARD_TEST_LONG", matches = "1")
@EnabledIfEnvironmentVariable(named = "ONCEWARD_TEST_BROKERS", matches = ".+")
class LongTest {
    @TempDir
    lateinit var folder: Path

    @Test
    fun `memory grows by less than a megabyte per million events`() {
        val topic = Broker.topic()
        Broker.fill(topic, 0..<5 * MILLION, keys = 10_000)
        val java = Path.of(System.getProperty("java.home"), "bin", "java").toString()
        // The heap is in memory from the beginning: what the process grows by is outside of it.
        val heap = listOf("-Xms256m", "-Xmx256m", "-XX:+AlwaysPreTouch", "--enable-native-access=ALL-UNNAMED", "-XX:+IgnoreUnrecognizedVMOptions")
        val command = listOf(java) + heap + listOf("-cp", System.getProperty("java.class.path"), "Many", topic, "$folder/inbox.db")
        val process = ProcessBuilder(command).redirectError(folder.resolve("errors").toFile()).start()
        val said = process.inputReader().readLines()
        assertEquals(0, process.waitFor(), Files.readString(folder.resolve("errors")))
        assertEquals("handled ${5 * MILLION}", said.last())
        val points = said.dropLast(1).map { line -> line.split(' ').map(String::toDouble) }.filter { it[0] > MILLION }
        for ((place, what) in listOf(1 to "process", 2 to "heap")) {
            val grown = slope(points.map { it[0] / MILLION to it[place] })
            val shown = points.filter { it[0] % 500_000 == 0.0 }.joinToString { "${it[0] / MILLION}M ${it[place].toInt()}" }
            println("$what: ${"%.2f".format(grown)} MiB per million; $shown MiB")
            assertTrue(grown < 1, "$what: $grown MiB per million; $shown MiB")
        }
    }

    /** By least squares. */
    private fun slope(points: List<Pair<Double, Double>>): Double {
        val (x, y) = points.map { it.first }.average() to points.map { it.second }.average()
        return points.sumOf { (it.first - x) * (it.second - y) } / points.sumOf { (it.first - x) * (it.first - x) }
    }
}

/** A process that handles everything, and says after every hundred thousand how much it holds, right after the garbage was collected. */
object Many {
    @JvmStatic
    fun main(arguments: Array<String>) {
        val (topic, file) = arguments
        val seen = AtomicInteger()
        val app = Consumer(brokers = Broker.address, group = "$topic-group", inbox = "sqlite:$file", autoOffsetReset = Earliest) { createTopics = true }
        app.on(topic) { event ->
            checkNotNull(event.value)
            val count = seen.incrementAndGet()
            if (count % 100_000 == 0) {
                System.gc()
                println("$count ${resident()} ${ManagementFactory.getMemoryMXBean().heapMemoryUsage.used / 1_048_576.0}")
            }
        }
        println("handled ${runBlocking { app.run(Until.End) }.handled}")
    }

    private fun resident(): Double {
        val line = Files.readAllLines(Path.of("/proc/self/status")).first { it.startsWith("VmRSS:") }
        return line.filter(Char::isDigit).toDouble() / 1024
    }
}
