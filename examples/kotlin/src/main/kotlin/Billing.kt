// Invoices for orders, each exactly once.

// shown: service
import dev.onceward.Backoff
import dev.onceward.Consumer
import dev.onceward.OffsetReset.Earliest
import dev.onceward.Reject
import kotlin.time.Duration.Companion.milliseconds
import kotlin.time.Duration.Companion.seconds

fun billing(): Consumer {
    val app = Consumer(brokers = "localhost:9092", group = "billing", inbox = "sqlite:billing.db", autoOffsetReset = Earliest) {
        createTopics = true
        setupSql = listOf("CREATE TABLE IF NOT EXISTS invoice(order_id TEXT PRIMARY KEY, total REAL)")
    }
    return app.on("orders", retry = Backoff(attempts = 5, first = 200.milliseconds, max = 10.seconds)) { event ->
        val order = event.json() as Map<*, *>
        val total = order["total"] as? Number ?: throw Reject("an order without a total")
        event.effect("INSERT INTO invoice(order_id, total) VALUES (?, ?)", order["id"], total.toDouble())
        event.publish("invoices", key = "${order["id"]}", json = mapOf("order" to order["id"]))
    }
}

suspend fun main() = billing().use { app -> println(app.run()) }
// end
