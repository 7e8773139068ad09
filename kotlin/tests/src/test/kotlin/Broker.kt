import java.util.Properties
import java.util.UUID
import java.util.concurrent.ExecutionException
import java.util.concurrent.TimeUnit
import org.apache.kafka.clients.admin.Admin
import org.apache.kafka.clients.admin.NewTopic
import org.apache.kafka.clients.producer.KafkaProducer
import org.apache.kafka.clients.producer.ProducerRecord
import org.apache.kafka.common.errors.UnknownTopicOrPartitionException
import org.apache.kafka.common.serialization.StringSerializer

/** The real Kafka that tests share; each test has topics of its own. */
object Broker {
    val address: String? = System.getenv("ONCEWARD_TEST_BROKERS")?.substringBefore(',')?.takeIf { it.isNotEmpty() }

    private val properties get() = Properties().apply { put("bootstrap.servers", address) }

    fun topic(partitions: Int = 4): String {
        val name = "kotlin-${UUID.randomUUID()}"
        Admin.create(properties).use { admin ->
            admin.createTopics(listOf(NewTopic(name, partitions, 1.toShort()))).all().get(30, TimeUnit.SECONDS)
            // Asked too early, a busy broker does not know it yet.
            while (!admin.hasLeaders(name, partitions)) Thread.onSpinWait()
        }
        return name
    }

    private fun Admin.hasLeaders(topic: String, partitions: Int): Boolean =
        try {
            val found = describeTopics(listOf(topic)).allTopicNames().get(30, TimeUnit.SECONDS).getValue(topic).partitions()
            found.size == partitions && found.all { it.leader() != null && !it.leader().isEmpty }
        } catch (error: ExecutionException) {
            if (error.cause is UnknownTopicOrPartitionException) false else throw error
        }

    /** Events `e0`, `e1`, … over so many keys; the value is the number. */
    fun fill(topic: String, numbers: IntRange, keys: Int) {
        KafkaProducer(properties, StringSerializer(), StringSerializer()).use { producer ->
            for (number in numbers) {
                val record = ProducerRecord(topic, "k${number % keys}", "$number")
                record.headers().add("onceward-id", "e$number".encodeToByteArray())
                producer.send(record)
            }
        }
    }
}
