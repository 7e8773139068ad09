// Invoices for orders, each exactly once.

// shown: service
import dev.onceward.Publish;
import dev.onceward.Reject;
import dev.onceward.Settings;
import dev.onceward.java.Consumer;
import dev.onceward.java.HandlerOptions;
import java.time.Duration;
import java.util.List;
import java.util.Map;

public final class Billing {
    static Consumer consumer() {
        var settings = new Settings();
        settings.setBrokers("localhost:9092");
        settings.setGroup("billing");
        settings.setInbox("sqlite:billing.db");
        settings.setAutoOffsetReset("earliest");
        settings.setCreateTopics(true);
        settings.setSetupSql(List.of("CREATE TABLE IF NOT EXISTS invoice(order_id TEXT PRIMARY KEY, total REAL)"));
        var options = new HandlerOptions().attempts(5).waits(Duration.ofMillis(200), Duration.ofSeconds(10));
        return new Consumer(settings).on("orders", options, event -> {
            var order = (Map<?, ?>) event.json();
            if (!(order.get("total") instanceof Number total)) throw new Reject("an order without a total");
            event.effect("INSERT INTO invoice(order_id, total) VALUES (?, ?)", List.of(order.get("id"), total.doubleValue()));
            event.publish("invoices", Publish.json(Map.of("order", order.get("id")), String.valueOf(order.get("id"))));
        });
    }

    public static void main(String[] arguments) throws InterruptedException {
        try (var app = consumer()) {
            System.out.println(app.run());
        }
    }
}
// end
