package dev.onceward.spring;

import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.util.HashMap;
import java.util.Map;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import org.apache.kafka.clients.consumer.ConsumerRecord;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.common.serialization.ByteArrayDeserializer;
import org.apache.kafka.common.serialization.ByteArraySerializer;
import org.springframework.kafka.core.DefaultKafkaConsumerFactory;
import org.springframework.kafka.core.DefaultKafkaProducerFactory;
import org.springframework.kafka.core.KafkaTemplate;
import org.springframework.kafka.listener.ConsumerRecordRecoverer;
import org.springframework.kafka.listener.ContainerProperties;
import org.springframework.kafka.listener.DeadLetterPublishingRecoverer;
import org.springframework.kafka.listener.DefaultErrorHandler;
import org.springframework.kafka.listener.KafkaMessageListenerContainer;
import org.springframework.kafka.listener.MessageListener;
import org.springframework.kafka.support.KafkaHeaders;
import org.springframework.kafka.support.SimpleKafkaHeaderMapper;
import org.springframework.util.backoff.FixedBackOff;

/** A service with Spring Kafka: {@code write} dead-letters a topic, {@code read} tells what Spring finds in the letters of a topic. */
public final class Main {
    private static final long PATIENCE_SECONDS = 60;

    private Main() {}

    public static void main(String[] arguments) throws Exception {
        String brokers = arguments[1];
        String topic = arguments[2];
        CountDownLatch left = new CountDownLatch(Integer.parseInt(arguments[3]));
        boolean write = arguments[0].equals("write");
        KafkaMessageListenerContainer<byte[], byte[]> container = write ? writer(brokers, topic, left) : reader(brokers, topic, left);
        container.start();
        boolean done = left.await(PATIENCE_SECONDS, TimeUnit.SECONDS);
        container.stop();
        System.exit(done ? 0 : 1);
    }

    /** Every record fails at once, and goes where Spring's recoverer puts it. */
    private static KafkaMessageListenerContainer<byte[], byte[]> writer(String brokers, String topic, CountDownLatch left) {
        Map<String, Object> settings = new HashMap<>();
        settings.put("bootstrap.servers", brokers);
        settings.put("key.serializer", ByteArraySerializer.class);
        settings.put("value.serializer", ByteArraySerializer.class);
        KafkaTemplate<byte[], byte[]> template = new KafkaTemplate<>(new DefaultKafkaProducerFactory<>(settings));
        DeadLetterPublishingRecoverer recoverer =
            new DeadLetterPublishingRecoverer(template, (record, error) -> new TopicPartition(topic + "-dlt", record.partition()));
        ConsumerRecordRecoverer counting = (record, error) -> {
            recoverer.accept(record, error);
            left.countDown();
        };
        MessageListener<byte[], byte[]> listener = record -> {
            throw new IllegalStateException("no total in order " + record.offset());
        };
        KafkaMessageListenerContainer<byte[], byte[]> container = container(brokers, topic, "spring", listener);
        container.setCommonErrorHandler(new DefaultErrorHandler(counting, new FixedBackOff(0, 0)));
        return container;
    }

    /** A line for each letter: what a service finds under the names and with the mapper that Spring gives it. */
    private static KafkaMessageListenerContainer<byte[], byte[]> reader(String brokers, String topic, CountDownLatch left) {
        SimpleKafkaHeaderMapper mapper = new SimpleKafkaHeaderMapper();
        MessageListener<byte[], byte[]> listener = record -> {
            Map<String, Object> headers = new HashMap<>();
            mapper.toHeaders(record.headers(), headers);
            System.out.println(String.join("\t",
                text(headers, KafkaHeaders.DLT_ORIGINAL_TOPIC),
                Integer.toString(bytes(headers, KafkaHeaders.DLT_ORIGINAL_PARTITION).getInt()),
                Long.toString(bytes(headers, KafkaHeaders.DLT_ORIGINAL_OFFSET).getLong()),
                Long.toString(bytes(headers, KafkaHeaders.DLT_ORIGINAL_TIMESTAMP).getLong()),
                text(headers, KafkaHeaders.DLT_ORIGINAL_TIMESTAMP_TYPE),
                text(headers, KafkaHeaders.DLT_ORIGINAL_CONSUMER_GROUP),
                text(headers, KafkaHeaders.DLT_EXCEPTION_FQCN),
                text(headers, KafkaHeaders.DLT_EXCEPTION_MESSAGE),
                value(record)));
            left.countDown();
        };
        return container(brokers, topic, "spring-reader", listener);
    }

    private static KafkaMessageListenerContainer<byte[], byte[]> container(
            String brokers, String topic, String group, MessageListener<byte[], byte[]> listener) {
        Map<String, Object> settings = new HashMap<>();
        settings.put("bootstrap.servers", brokers);
        settings.put("group.id", group + "-" + topic);
        settings.put("auto.offset.reset", "earliest");
        settings.put("key.deserializer", ByteArrayDeserializer.class);
        settings.put("value.deserializer", ByteArrayDeserializer.class);
        ContainerProperties properties = new ContainerProperties(topic);
        properties.setMessageListener(listener);
        return new KafkaMessageListenerContainer<>(new DefaultKafkaConsumerFactory<>(settings), properties);
    }

    private static ByteBuffer bytes(Map<String, Object> headers, String name) {
        return ByteBuffer.wrap((byte[]) headers.get(name));
    }

    /** The mapper leaves bytes that are not marked as text of its own alone. */
    private static String text(Map<String, Object> headers, String name) {
        Object value = headers.get(name);
        return value instanceof byte[] raw ? new String(raw, StandardCharsets.UTF_8) : String.valueOf(value);
    }

    private static String value(ConsumerRecord<byte[], byte[]> record) {
        return record.value() == null ? "null" : new String(record.value(), StandardCharsets.UTF_8);
    }
}
