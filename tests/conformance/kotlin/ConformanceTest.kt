// Kotlin's runner of the conformance cases: every handler once so that it never suspends, and once so that it is resumed elsewhere.

package conformance

import dev.onceward.Backoff
import dev.onceward.Consumer
import dev.onceward.DeadLetter
import dev.onceward.Event
import dev.onceward.OffsetReset.Earliest
import dev.onceward.Publish
import dev.onceward.internal.RigLife
import dev.onceward.testing.Rig
import java.io.File
import java.util.Base64
import kotlin.time.Duration
import kotlinx.coroutines.Dispatchers
import kotlinx.coroutines.withContext
import kotlinx.coroutines.yield
import org.junit.jupiter.api.Assertions.assertTrue
import org.junit.jupiter.api.DynamicTest
import org.junit.jupiter.api.DynamicTest.dynamicTest
import org.junit.jupiter.api.TestFactory

/** One thread at a time: the cases name the order of events that are handled side by side. */
private val here = Dispatchers.Default.limitedParallelism(1)
private val elsewhere = Dispatchers.IO.limitedParallelism(1)

class ConformanceTest {
    @TestFactory
    fun cases(): List<DynamicTest> {
        val files = File(System.getProperty("onceward.cases")).listFiles { file -> file.extension == "json" }.orEmpty().sorted()
        assertTrue(files.size >= 23, "the cases were not found")
        return files.flatMap { file ->
            listOf(false, true).map { suspends ->
                dynamicTest("${file.nameWithoutExtension}, ${if (suspends) "suspending" else "at once"}") { run(file, suspends) }
            }
        }
    }

    private fun run(file: File, suspends: Boolean) {
        val case = RigLife.json(file.readText().replace("\$files", file.parentFile.resolveSibling("files").canonicalPath)).table()
        val said = ArrayList<Said>()
        val told = ArrayList<DeadLetter>()
        val app = build(case, suspends, said)
        if ("told" in case["expect"].table()) app.onDeadLetter { letter -> synchronized(told) { told += letter } }
        val partitions = (case["partitions"] ?: emptyMap<String, Any?>()).table().mapValues { (it.value as Long).toInt() }
        Rig(app, partitions = partitions).use { rig ->
            for (step in (case["script"] ?: listOf("send", "run")).list()) {
                when (step) {
                    "send" -> send(rig, case)
                    "run" -> rig.run()
                    "step" -> rig.step()
                    "crash" -> rig.crash()
                    "replay" -> rig.replay()
                    "discard" -> rig.discard()
                    else -> throw AssertionError("no step of the vocabulary: $step")
                }
            }
            compare(case["expect"].table(), rig, said, told)
        }
    }

    private fun build(case: Table, suspends: Boolean, said: MutableList<Said>): Consumer {
        val app = Consumer(brokers = "localhost:9092", group = "g", inbox = "sqlite:unused.db", autoOffsetReset = Earliest, context = here) {
            (case["config"] ?: emptyMap<String, Any?>()).table().forEach { (name, value) -> set(name, value) }
        }
        val behaviour = Behaviour(case, said)
        val one: suspend (Event) -> Unit = { event ->
            if (suspends) {
                yield()
                withContext(elsewhere) { behaviour.of(event) }
            } else {
                behaviour.of(event)
            }
        }
        for (declared in case["handlers"].list().map { it.table() }) {
            val topics = declared["topics"].list().map { it as String }.toTypedArray()
            val types = (declared["types"] ?: emptyList<Any?>()).list().map { it as String }
            val retry = declared["retry"]?.table()?.let(::backoff)
            if (declared["batch"] == true) {
                app.onBatch(*topics, types = types, retry = retry) { batch ->
                    batch.forEachIndexed { position, event ->
                        try {
                            one(event)
                        } catch (error: RuntimeException) {
                            batch.fail(position, error)
                        }
                    }
                }
            } else {
                val fatal = (declared["fatal"] ?: emptyList<Any?>()).list()
                app.on(*topics, types = types, retry = retry, isFatal = { it.javaClass.simpleName in fatal }, handler = one)
            }
        }
        return app
    }

    private fun backoff(given: Table): Backoff {
        fun time(name: String) = (given[name] as String?)?.let(Duration::parse)
        return Backoff((given["attempts"] as Long?)?.toInt(), time("first"), (given["factor"] as Number?)?.toDouble(), time("max"), time("total"))
    }

    private fun send(rig: Rig, case: Table) {
        for (record in case["records"].list().map { it.table() }) {
            val value = when {
                "base64" in record -> Base64.getDecoder().decode(record["base64"] as String)
                "json" in record -> Publish.json(record["json"]).value
                else -> (record["value"] as String?)?.encodeToByteArray()
            }
            val key = (record["key"] as String?)?.encodeToByteArray()
            val sent = Publish(key, value, headers(record["headers"]), record["id"] as String?)
            rig.send(record["topic"] as String, sent, partition = (record["partition"] as Long?)?.toInt())
        }
    }
}
