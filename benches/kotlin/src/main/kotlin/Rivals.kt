import io.confluent.parallelconsumer.ParallelConsumerOptions
import io.confluent.parallelconsumer.ParallelStreamProcessor
import java.time.Duration
import java.util.concurrent.CountDownLatch
import org.apache.kafka.clients.consumer.ConsumerRecord
import org.apache.kafka.clients.consumer.KafkaConsumer
import org.springframework.kafka.core.DefaultKafkaConsumerFactory
import org.springframework.kafka.listener.ConcurrentMessageListenerContainer
import org.springframework.kafka.listener.ContainerProperties
import org.springframework.kafka.listener.DefaultErrorHandler
import org.springframework.kafka.listener.MessageListener
import org.springframework.util.backoff.FixedBackOff

/** The poll loop that knows nothing: an upper bound. */
fun bare(topic: String, count: Int): List<Double> {
    val clock = Clock()
    KafkaConsumer<ByteArray, ByteArray>(consumerProperties()).use { consumer ->
        consumer.subscribe(listOf(topic))
        var seen = 0L
        while (seen < count) {
            val records = consumer.poll(Duration.ofMillis(100))
            if (!records.isEmpty) seen = clock.tick(records.count())
        }
        consumer.commitSync()
    }
    return clock.end()
}

/** A listener of Spring Kafka, with its usual commits after each poll. */
fun spring(topic: String, count: Int, poison: Boolean): List<Double> {
    val (clock, done) = Clock() to CountDownLatch(1)
    val properties = consumerProperties().entries.associate { (name, value) -> name.toString() to value }
    val listened = ContainerProperties(topic)
    listened.groupId = properties["group.id"] as String
    val ended = { seen: Long -> if (seen >= count) done.countDown() }
    listened.messageListener = MessageListener<ByteArray, ByteArray> { record ->
        if (poison && record.offset() % 100 == 0L) throw IllegalStateException("poison")
        ended(clock.tick())
    }
    val container = ConcurrentMessageListenerContainer(DefaultKafkaConsumerFactory<ByteArray, ByteArray>(properties), listened)
    if (poison) container.commonErrorHandler = DefaultErrorHandler({ _: ConsumerRecord<*, *>, _: Exception -> ended(clock.tick()) }, FixedBackOff(0, 2))
    container.start()
    done.await()
    container.stop()
    return clock.end()
}

/** Confluent's Parallel Consumer, in order per key. */
fun parallel(topic: String, count: Int, act: (attempt: Int, offset: Long) -> Unit): List<Double> {
    val (clock, done) = Clock() to CountDownLatch(1)
    val options = ParallelConsumerOptions.builder<ByteArray, ByteArray>()
        .consumer(KafkaConsumer(consumerProperties()))
        .ordering(ParallelConsumerOptions.ProcessingOrder.KEY)
        .maxConcurrency(AT_ONCE)
        .defaultMessageRetryDelay(Duration.ofMillis(100))
        .build()
    val processor = ParallelStreamProcessor.createEosStreamProcessor(options)
    processor.subscribe(listOf(topic))
    processor.poll { context ->
        act(context.singleRecord.numberOfFailedAttempts, context.singleConsumerRecord.offset())
        if (clock.tick() >= count) done.countDown()
    }
    done.await()
    val found = clock.end()
    processor.closeDontDrainFirst(Duration.ofSeconds(10))
    return found
}
