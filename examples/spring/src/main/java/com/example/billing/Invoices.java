package com.example.billing;

import dev.onceward.Event;
import dev.onceward.Publish;
import dev.onceward.Reject;
import dev.onceward.java.Handler;
import java.util.List;
import java.util.Map;
import org.springframework.stereotype.Component;

/** A handler is a bean like any other: what it needs is given to its constructor. */
// shown: handler
@Component
public class Invoices implements Handler {
    private final Prices prices;

    Invoices(Prices prices) {
        this.prices = prices;
    }

    @Override
    public void handle(Event event) {
        var order = (Map<?, ?>) event.json();
        if (!(order.get("net") instanceof Number net)) throw new Reject("an order without a price");
        event.effect("INSERT INTO invoice(order_id, gross) VALUES (?, ?)", List.of(order.get("id"), prices.gross(net.doubleValue())));
        event.publish("invoices", Publish.json(Map.of("order", order.get("id")), String.valueOf(order.get("id"))));
    }
}
// end
