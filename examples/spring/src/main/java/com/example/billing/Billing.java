package com.example.billing;

import dev.onceward.Settings;
import dev.onceward.java.Consumer;
import dev.onceward.java.HandlerOptions;
import java.time.Duration;
import org.springframework.beans.factory.annotation.Value;
import org.springframework.boot.context.properties.ConfigurationProperties;
import org.springframework.context.annotation.Bean;
import org.springframework.context.annotation.Configuration;

// shown: billing
@Configuration
public class Billing {
    /** `onceward.brokers`, `onceward.topics.…`: everything of onceward.toml, from where Spring finds its properties. */
    @Bean
    @ConfigurationProperties("onceward")
    Settings oncewardSettings() {
        return new Settings();
    }

    @Bean
    Consumer billingConsumer(Settings settings, Invoices invoices, @Value("${billing.orders}") String orders) {
        var options = new HandlerOptions().attempts(5).waits(Duration.ofMillis(200), Duration.ofSeconds(10));
        return new Consumer(settings).on(orders, options, invoices);
    }
}
// end
