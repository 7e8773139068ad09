import dev.onceward.Consumer
import dev.onceward.OffsetReset.Earliest
import dev.onceward.Publish
import dev.onceward.Settings
import dev.onceward.testing.Rig

/** A consumer for rigs. */
fun app(settings: Settings.() -> Unit = {}): Consumer =
    Consumer(brokers = "localhost:9092", group = "g", inbox = "sqlite:unused.db", autoOffsetReset = Earliest, settings = settings)

/** Puts events with these ids into a topic, each with a key of its own. */
fun Rig.events(vararg ids: String, topic: String = "orders") = ids.forEach { send(topic, Publish.json(1, key = "key of $it", id = it)) }
