import dev.onceward.Consumer
import dev.onceward.OffsetReset.Earliest
import dev.onceward.Until
import kotlinx.coroutines.delay
import kotlinx.coroutines.runBlocking

/** A process of a group: counts each event in the inbox's file, with its mark, and says so on stdout. */
object Member {
    fun consumer(topic: String, file: String): Consumer {
        val app = Consumer(brokers = Broker.address, group = "$topic-group", inbox = "sqlite:$file", autoOffsetReset = Earliest) {
            set("create_topics", true)
            set("setup_sql", listOf("CREATE TABLE IF NOT EXISTS done(id TEXT, pid INTEGER)"))
            set("kafka", mapOf("session.timeout.ms" to 6000))
        }
        return app.on(topic) { event ->
            delay(2)
            event.effect("INSERT INTO done(id, pid) VALUES (?, ?)", event.id, ProcessHandle.current().pid())
            println("handled ${event.id}")
        }
    }

    @JvmStatic
    fun main(arguments: Array<String>) {
        val (topic, file, until) = arguments
        println("summary ${runBlocking { consumer(topic, file).run(Until.valueOf(until)) }}")
    }
}
