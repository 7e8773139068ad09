import dev.onceward.Backoff
import dev.onceward.Consumer
import dev.onceward.Event
import dev.onceward.OffsetReset.Earliest
import dev.onceward.Until
import java.util.UUID
import kotlinx.coroutines.delay
import kotlinx.coroutines.runBlocking

/** Everything on: the inbox on disk, marks, order per key, MDC. */
fun ours(topic: String, count: Int, batch: Boolean = false, act: suspend (Event) -> Unit = {}): List<Double> {
    val clock = Clock()
    val app = Consumer(brokers = brokers, group = UUID.randomUUID().toString(), inbox = "sqlite:ours.db", autoOffsetReset = Earliest) {
        createTopics = true
        concurrency = AT_ONCE
        setupSql = listOf("CREATE TABLE n(id TEXT, total REAL)")
    }
    if (batch) {
        app.onBatch(topic) { clock.tick(it.size) }
    } else {
        app.on(topic, retry = Backoff(attempts = 1)) {
            clock.tick()
            act(it)
        }
    }
    val summary = runBlocking { app.run(Until.End) }
    check(summary.handled + summary.deadLetters == count.toLong()) { "$summary" }
    return clock.end()
}

suspend fun waits(@Suppress("UNUSED_PARAMETER") event: Event) = delay(5)

fun poisoned(event: Event) {
    if (event.offset % 100 == 0L) throw IllegalStateException("poison")
}

fun effect(event: Event) = event.effect("INSERT INTO n VALUES (?, ?)", event.id, 1.5)
