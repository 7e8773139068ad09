// The border alone: events of a rig, and the CPU of the threads of the JVM that take them, handle them and answer. What the core does meanwhile
// is done on the thread that runs the rig, and not counted.

import dev.onceward.Consumer
import dev.onceward.OffsetReset.Earliest
import dev.onceward.Publish
import dev.onceward.testing.Rig
import java.lang.management.ManagementFactory

private const val EVENTS = 20_000

/** Rounds until the JVM has compiled what it will, and those that count. */
private const val WARM = 3
private const val ROUNDS = 3

/** How many events have one key, so that they come as one run. */
private const val RUN = 100

fun crossing() {
    println("%-48s %12s".format("the border alone", "CPU µs/event"))
    for ((name, register) in shapes) {
        val found = List(WARM + ROUNDS) { round(register) }.drop(WARM)
        println("%-48s %12.2f  (%.2f to %.2f)".format(name, found.sorted()[ROUNDS / 2], found.min(), found.max()))
    }
}

private val shapes: Map<String, (Consumer) -> Unit> = linkedMapOf(
    "suspend handler, runs of $RUN" to { app -> app.on("orders") { } },
    "batches of 500" to { app -> app.onBatch("orders", size = 500) { } },
    "suspend handler that reads key and value" to { app -> app.on("orders") { event -> check(event.key!!.size + event.value!!.size > 0) } },
    "suspend handler with event.effect" to { app -> app.on("orders") { event -> event.effect("INSERT INTO n VALUES (?, ?)", event.id, 1.5) } },
)

private fun round(register: (Consumer) -> Unit): Double {
    val app = Consumer(brokers = "localhost:9092", group = "g", inbox = "sqlite:unused.db", autoOffsetReset = Earliest) {
        setupSql = listOf("CREATE TABLE n(id TEXT, total REAL)")
    }
    register(app)
    Rig(app).use { rig ->
        val value = "x".repeat(200).encodeToByteArray()
        repeat(EVENTS) { rig.send("orders", Publish("k${it / RUN}".encodeToByteArray(), value)) }
        val before = spent()
        rig.run()
        val after = spent()
        check(rig.handled.size == EVENTS)
        return after.entries.sumOf { (thread, nanos) -> nanos - (before[thread] ?: 0) } / 1e3 / EVENTS
    }
}

/** Of the threads that handle; by id. */
private fun spent(): Map<Long, Long> {
    val threads = ManagementFactory.getThreadMXBean()
    val ours = threads.allThreadIds.filter { id ->
        val name = threads.getThreadInfo(id)?.threadName.orEmpty()
        name == "onceward-pump" || name.startsWith("DefaultDispatcher")
    }
    return ours.associateWith(threads::getThreadCpuTime)
}
