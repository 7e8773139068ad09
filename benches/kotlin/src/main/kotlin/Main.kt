// Rows of the Maven artifact and of what people use now, in one run against one broker.
//
// Each row runs in a process of its own, so many times, in turns; the median is shown with the lowest and highest. Numbers of different runs
// are not comparable: the machine differs. Rates are from the first event in hand to the end, the JVM's warming up included.

import java.nio.file.Files
import java.nio.file.Path
import java.util.concurrent.TimeUnit
import kotlin.system.exitProcess

/** A row, and its share of the records: what is slow gets fewer. */
private class Row(val share: Double, val run: (topic: String, count: Int) -> List<Double>)

private val rows: Map<String, Row> = linkedMapOf(
    "bare consumer, poll" to Row(1.0, ::bare),
    "Spring listener" to Row(1.0) { topic, count -> spring(topic, count, poison = false) },
    "Parallel Consumer by key, 256" to Row(1.0) { topic, count -> parallel(topic, count) { _, _ -> } },
    "onceward, everything on" to Row(1.0) { topic, count -> ours(topic, count) },
    "onceward batch, everything on" to Row(1.0) { topic, count -> ours(topic, count, batch = true) },
    "onceward with event.effect" to Row(1.0) { topic, count -> ours(topic, count, act = ::effect) },
    "Parallel Consumer by key, 5 ms" to Row(0.2) { topic, count -> parallel(topic, count) { _, _ -> Thread.sleep(5) } },
    "onceward, 5 ms" to Row(0.2) { topic, count -> ours(topic, count, act = ::waits) },
    "Spring listener, 1 % poison" to Row(0.01) { topic, count -> spring(topic, count, poison = true) },
    "Parallel Consumer by key, 1 % poison" to Row(0.2) { topic, count ->
        parallel(topic, count) { attempt, offset -> if (offset % 100 == 0L && attempt < 2) throw IllegalStateException("poison") }
    },
    "onceward, 1 % poison" to Row(0.2) { topic, count -> ours(topic, count) { poisoned(it) } },
)

fun main(arguments: Array<String>) {
    if (arguments.firstOrNull() == "crossing") return crossing()
    val given = arguments.toList().chunked(2).associate { (name, value) -> name.removePrefix("--") to value }
    val total = given["count"]?.toInt() ?: 500_000
    val row = given["row"]
    if (row != null) {
        println(rows.getValue(row).run(given.getValue("topic"), total).joinToString(" "))
        System.out.flush()
        // Some of them have threads that do not end.
        Runtime.getRuntime().halt(0)
    }
    if (brokers.isEmpty()) {
        System.err.println("set ONCEWARD_TEST_BROKERS, or use `cargo xtask bench --kotlin`")
        exitProcess(2)
    }
    table(rows.filterKeys { given["only"].orEmpty() in it }, total, given["rounds"]?.toInt() ?: 3)
}

private fun table(rows: Map<String, Row>, total: Int, rounds: Int) {
    val count = { row: Row -> (total * row.share).toInt() }
    val topics = rows.values.map(count).distinct().associateWith(::prepare)
    val found = rows.mapValues { ArrayList<List<Double>>() }
    repeat(rounds) {
        for ((name, row) in rows) one(name, topics.getValue(count(row)), count(row))?.let { found.getValue(name) += it }
    }
    println("%-40s %11s  %-25s %10s %10s".format("row", "records/s", "(lowest to highest)", "CPU µs", "peak MiB"))
    for ((name, runs) in found.filterValues { it.isNotEmpty() }) {
        val rates = runs.map { it[0] }
        val range = "(%,.0f to %,.0f)".format(rates.min(), rates.max())
        println("%-40s %,11.0f  %-25s %10.2f %10.0f".format(name, middle(rates), range, middle(runs.map { it[1] }), middle(runs.map { it[2] })))
    }
}

private fun middle(numbers: List<Double>) = numbers.sorted()[numbers.size / 2]

/** In a process and a folder of its own. */
private fun one(name: String, topic: String, count: Int): List<Double>? {
    val folder = Files.createTempDirectory("onceward-bench-")
    val java = Path.of(System.getProperty("java.home"), "bin", "java").toString()
    val options = listOf("-Xmx1g", "-XX:+IgnoreUnrecognizedVMOptions", "--enable-native-access=ALL-UNNAMED", "-cp", System.getProperty("java.class.path"))
    val command = listOf(java) + options + listOf("MainKt", "--row", name, "--topic", topic, "--count", "$count")
    val errors = folder.resolve("errors").toFile()
    val process = ProcessBuilder(command).directory(folder.toFile()).redirectError(errors).redirectOutput(folder.resolve("out").toFile()).start()
    val ended = process.waitFor(10, TimeUnit.MINUTES)
    if (!ended) process.destroyForcibly().waitFor()
    val last = Files.readAllLines(folder.resolve("out")).lastOrNull { it.firstOrNull()?.isDigit() == true }
    val said = errors.readLines().lastOrNull { "rror" in it || "xception" in it }
    folder.toFile().deleteRecursively()
    if (!ended || last == null) System.err.println("$name: left out: ${said ?: "no result"}")
    return last?.split(' ')?.map(String::toDouble)
}
