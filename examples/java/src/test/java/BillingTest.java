import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.onceward.Publish;
import dev.onceward.Settings;
import dev.onceward.java.Consumer;
import dev.onceward.java.HandlerOptions;
import dev.onceward.testing.Rig;
import java.util.List;
import java.util.Map;
import java.util.concurrent.CompletableFuture;
import org.junit.jupiter.api.Test;

class BillingTest {
    @Test
    void anOrderIsBilledOnceHoweverOftenItArrives() {
        try (var rig = new Rig(Billing.consumer().unwrap())) {
            for (var copy = 0; copy < 2; copy += 1) {
                rig.send("orders", Publish.json(Map.of("id", "o1", "total", 9.5), "c1", List.of(), "e1"));
            }
            rig.send("orders", Publish.json(Map.of("id", "o2"), "c1", List.of(), "e2"));
            rig.run();
            assertEquals(List.of(List.of("o1", 9.5)), rig.sql("SELECT order_id, total FROM invoice"));
            assertEquals("rejected", rig.getDeadLetters().get(0).getReason());
        }
    }

    @Test
    void futuresAndBatchesAreHandlersToo() {
        var settings = new Settings();
        settings.setBrokers("localhost:9092");
        settings.setGroup("g");
        settings.setInbox("sqlite:unused.db");
        settings.setAutoOffsetReset("earliest");
        var app = new Consumer(settings)
            .onAsync("orders", new HandlerOptions().attempts(2).fatal(IllegalStateException.class), event ->
                CompletableFuture.runAsync(() -> {
                    if (event.getId().equals("bad")) throw new IllegalStateException("never");
                }))
            .onBatch("mails", batch -> assertTrue(batch.size() > 0));
        try (var rig = new Rig(app.unwrap())) {
            rig.send("orders", Publish.text("x", "k1", List.of(), "good"));
            rig.send("orders", Publish.text("x", "k2", List.of(), "bad"));
            rig.send("mails", Publish.text("x", "k3", List.of(), "mail"));
            rig.run();
            assertEquals(List.of("good", "mail"), rig.getHandled().stream().sorted().toList());
            assertEquals(1, rig.getDeadLetters().get(0).getAttempts(), "fatal at once");
        }
    }
}
