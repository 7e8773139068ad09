package com.example.billing;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.onceward.Publish;
import dev.onceward.java.Consumer;
import dev.onceward.testing.Rig;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse.BodyHandlers;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.UUID;
import java.util.concurrent.TimeUnit;
import org.apache.kafka.clients.admin.Admin;
import org.apache.kafka.clients.admin.NewTopic;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.condition.EnabledIfEnvironmentVariable;
import org.junit.jupiter.api.io.TempDir;
import org.springframework.boot.WebApplicationType;
import org.springframework.boot.builder.SpringApplicationBuilder;
import org.springframework.context.ConfigurableApplicationContext;
import org.springframework.context.annotation.AnnotationConfigApplicationContext;

class BillingTest {
    @TempDir
    Path folder;

    /** The beans as they are, without a broker. */
    @Test
    void anOrderIsBilledOnceHoweverOftenItArrives() {
        var beans = new AnnotationConfigApplicationContext(Prices.class, Invoices.class);
        var settings = new dev.onceward.Settings();
        settings.setBrokers("localhost:9092");
        settings.setGroup("billing");
        settings.setInbox("sqlite:unused.db");
        settings.setAutoOffsetReset("earliest");
        settings.setSetupSql(List.of("CREATE TABLE invoice(order_id TEXT PRIMARY KEY, gross REAL)"));
        try (beans; var rig = new Rig(new Billing().billingConsumer(settings, beans.getBean(Invoices.class), "orders").unwrap())) {
            for (var copy = 0; copy < 2; copy += 1) rig.send("orders", Publish.json(Map.of("id", "o1", "net", 8.0), "c1", List.of(), "e1"));
            rig.run();
            assertEquals(List.of(List.of("o1", 10.0)), rig.sql("SELECT order_id, gross FROM invoice"));
        }
    }

    /** The whole application: properties, the run's life, and what Actuator says of it. */
    @Test
    @EnabledIfEnvironmentVariable(named = "ONCEWARD_TEST_BROKERS", matches = ".+")
    void theContextRunsAndDrainsIt() throws Exception {
        var group = "spring-" + UUID.randomUUID();
        var brokers = System.getenv("ONCEWARD_TEST_BROKERS");
        try (var admin = Admin.create(Map.of("bootstrap.servers", brokers))) {
            admin.createTopics(List.of(new NewTopic(group, 1, (short) 1))).all().get(30, TimeUnit.SECONDS);
        }
        try (var context = start(brokers, group)) {
            var runs = context.getBean(Runs.class);
            assertTrue(runs.isRunning());
            assertHealth(context, 200, "\"onceward\":{\"status\":\"UP\"}");
            var consumer = context.getBean(Consumer.class);
            // Durable, so it was a run with a broker behind it.
            consumer.publish(group, Publish.json(Map.of("id", group, "net", 8.0), "c1", List.of(), group)).get(30, TimeUnit.SECONDS);
            context.stop();
            assertFalse(runs.isRunning(), "stopping the context drains the run");
        }
    }

    @Test
    @EnabledIfEnvironmentVariable(named = "ONCEWARD_TEST_BROKERS", matches = ".+")
    void aRunThatFailedIsDown() throws Exception {
        try (var context = start(System.getenv("ONCEWARD_TEST_BROKERS"), "spring-without-a-topic")) {
            var runs = context.getBean(Runs.class);
            for (var waited = 0; runs.isRunning() && waited < 6000; waited += 1) Thread.sleep(10);
            assertHealth(context, 503, "spring-without-a-topic");
        }
    }

    private ConfigurableApplicationContext start(String brokers, String group) {
        return new SpringApplicationBuilder(Application.class)
            .web(WebApplicationType.SERVLET)
            .run(
                "--server.port=0",
                "--onceward.brokers=" + brokers,
                "--onceward.group=" + group,
                "--billing.orders=" + group,
                "--onceward.inbox=sqlite:" + folder.resolve("inbox.db"));
    }

    private static void assertHealth(ConfigurableApplicationContext context, int status, String part) throws Exception {
        var port = context.getEnvironment().getProperty("local.server.port");
        var asked = HttpRequest.newBuilder(URI.create("http://localhost:" + port + "/actuator/health")).build();
        var said = HttpClient.newHttpClient().send(asked, BodyHandlers.ofString());
        assertTrue(said.body().contains(part), said.body());
        assertEquals(status, said.statusCode(), said.body());
    }
}
