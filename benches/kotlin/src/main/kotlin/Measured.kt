import java.lang.management.ManagementFactory
import java.nio.file.Files
import java.nio.file.Path
import java.util.Properties
import java.util.UUID
import java.util.concurrent.TimeUnit
import java.util.concurrent.atomic.AtomicLong
import org.apache.kafka.clients.admin.Admin
import org.apache.kafka.clients.admin.NewTopic
import org.apache.kafka.clients.producer.KafkaProducer
import org.apache.kafka.clients.producer.ProducerRecord
import org.apache.kafka.common.serialization.ByteArrayDeserializer
import org.apache.kafka.common.serialization.ByteArraySerializer

const val KEYS = 10_000
const val PARTITIONS = 8

/** Handlers in flight, and threads of rivals. */
const val AT_ONCE = 256

val brokers: String = System.getenv("ONCEWARD_TEST_BROKERS") ?: ""

/** From the first event in hand on: on the wall, in CPU of the whole process, and the most memory that it had. */
class Clock {
    private val counted = AtomicLong()

    @Volatile
    private var began = 0L
    private var cpu = 0L

    /** How many there are now. */
    fun tick(events: Int = 1): Long {
        if (began == 0L) begin()
        return counted.addAndGet(events.toLong())
    }

    @Synchronized
    private fun begin() {
        if (began != 0L) return
        cpu = spent()
        began = System.nanoTime()
    }

    /** Records per second, microseconds of CPU per record, MiB. */
    fun end(): List<Double> {
        val (wall, count) = (System.nanoTime() - began) / 1e9 to counted.get().toDouble()
        return listOf(count / wall, (spent() - cpu) / 1e3 / count, peak())
    }

    private fun spent(): Long = (ManagementFactory.getOperatingSystemMXBean() as com.sun.management.OperatingSystemMXBean).processCpuTime

    private fun peak(): Double {
        val line = Files.readAllLines(Path.of("/proc/self/status")).find { it.startsWith("VmHWM:") } ?: return 0.0
        return line.filter(Char::isDigit).toDouble() / 1024
    }
}

fun consumerProperties(): Properties = Properties().apply {
    put("bootstrap.servers", brokers)
    put("group.id", UUID.randomUUID().toString())
    put("auto.offset.reset", "earliest")
    put("enable.auto.commit", false)
    put("key.deserializer", ByteArrayDeserializer::class.java)
    put("value.deserializer", ByteArrayDeserializer::class.java)
}

/** A topic with so many events. */
fun prepare(count: Int): String {
    val topic = "bench-${UUID.randomUUID().toString().take(8)}"
    val properties = Properties().apply { put("bootstrap.servers", brokers) }
    Admin.create(properties).use { it.createTopics(listOf(NewTopic(topic, PARTITIONS, 1.toShort()))).all().get(30, TimeUnit.SECONDS) }
    properties["linger.ms"] = 20
    KafkaProducer(properties, ByteArraySerializer(), ByteArraySerializer()).use { producer ->
        val pad = "x".repeat(180)
        for (number in 0..<count) {
            val value = """{"id":"o$number","total":${number * 1.5},"pad":"$pad"}"""
            val record = ProducerRecord(topic, "k${number % KEYS}".encodeToByteArray(), value.encodeToByteArray())
            record.headers().add("onceward-id", "e$number".encodeToByteArray())
            producer.send(record)
        }
    }
    return topic
}
