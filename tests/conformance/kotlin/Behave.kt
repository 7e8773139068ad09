// What a handler does, in the vocabulary of the cases.

package conformance

import dev.onceward.Event
import dev.onceward.Header
import dev.onceward.Publish
import dev.onceward.Reject
import dev.onceward.Retry
import kotlin.time.Duration
import org.slf4j.LoggerFactory
import org.slf4j.MDC

typealias Table = Map<String, Any?>

open class Trouble(message: String) : RuntimeException(message)

class Boom(message: String) : Trouble(message)

class Other(message: String) : Trouble(message)

@Suppress("UNCHECKED_CAST")
fun Any?.table(): Table = this as Table

@Suppress("UNCHECKED_CAST")
fun Any?.list(): List<Any?> = this as List<Any?>

/** What was written into the log, with what the MDC said then. */
class Said(val message: String, val fields: Map<String, String>)

class Behaviour(private val case: Table, private val said: MutableList<Said>) {
    private val logger = LoggerFactory.getLogger("conformance")

    fun of(event: Event) {
        val behaviour = case["behaviour"].table()
        val attempts = (behaviour[event.id] ?: behaviour["*"] ?: listOf(emptyList<Any?>())).list()
        for (step in attempts[minOf(event.attempt, attempts.size) - 1].list()) act(step.table(), event)
    }

    private fun act(step: Table, event: Event) {
        when (val word = step.keys.first()) {
            "fail" -> throw (step["message"] as String? ?: "").let { if (step["fail"] == "Boom") Boom(it) else Other(it) }
            "reject" -> throw Reject(step["reject"] as String)
            "unless_replayed" -> if (!event.replayed) throw Reject(step["unless_replayed"] as String)
            "retry_after" -> throw Retry(Duration.parse(step["retry_after"] as String))
            "decode" -> event.json()
            "effect" -> {
                val (sql, params) = step["effect"].list()
                event.effect(sql as String, params.list().map { meant(it, event) })
            }
            "publish" -> publish(step["publish"].table(), event)
            "log" -> {
                logger.warn("{}", step["log"])
                synchronized(said) { said += Said(step["log"] as String, MDC.getCopyOfContextMap().orEmpty()) }
            }
            else -> throw AssertionError("no step of the vocabulary: $word")
        }
    }

    private fun meant(value: Any?, event: Event): Any? = when (value) {
        "\$id" -> event.id
        "\$key" -> event.key?.decodeToString()
        is String -> if (value.startsWith("\$json.")) event.json().table()[value.removePrefix("\$json.")] else value
        else -> value
    }

    private fun publish(given: Table, event: Event) {
        val record = Publish.json(given["json"], given["key"] as String?, headers(given["headers"]), given["id"] as String?)
        event.publish(given["topic"] as String, record)
    }
}

fun headers(given: Any?): List<Header> = (given ?: emptyList<Any?>()).list().map {
    val (name, value) = it.list()
    Header(name as String, (value as String?)?.encodeToByteArray())
}
