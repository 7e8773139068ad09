package com.example.billing;

import dev.onceward.Summary;
import dev.onceward.java.Consumer;
import java.util.concurrent.CompletableFuture;
import org.springframework.boot.health.contributor.Health;
import org.springframework.boot.health.contributor.HealthIndicator;
import org.springframework.context.SmartLifecycle;
import org.springframework.stereotype.Component;

/** The context starts the run when all beans are there, and drains it before the first of them is closed. Actuator shows how it is. */
// shown: runs
@Component("onceward")
public class Runs implements SmartLifecycle, HealthIndicator {
    private final Consumer consumer;
    private volatile CompletableFuture<Summary> run;

    Runs(Consumer consumer) {
        this.consumer = consumer;
    }

    @Override
    public void start() {
        run = consumer.start(false);
    }

    @Override
    public void stop() {
        consumer.close();
    }

    @Override
    public boolean isRunning() {
        return run != null && !run.isDone();
    }

    @Override
    public Health health() {
        if (run == null) return Health.unknown().build();
        if (!run.isDone()) return Health.up().build();
        return run.handle((summary, error) -> error == null ? Health.outOfService().build() : Health.down(error).build()).join();
    }
}
// end
