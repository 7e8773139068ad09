package dev.onceward.internal

import org.slf4j.Logger
import org.slf4j.LoggerFactory
import org.slf4j.MDC
import org.slf4j.event.Level
import java.time.Duration
import kotlin.concurrent.thread

/**
 * Lines of the core, written by slf4j: the logger is `onceward`, and the MDC speaks of the event. They are the process's, so one thread
 * passes them on while any consumer runs.
 */
internal object Lines {
    val logger: Logger = LoggerFactory.getLogger("onceward")
    private val WAIT = Duration.ofSeconds(1)
    private const val MOST = 500
    private var users = 0
    private var worker: Thread? = null

    @Synchronized
    fun start() {
        collectLogs(if (logger.isDebugEnabled) "debug" else if (logger.isInfoEnabled) "info" else "warn")
        users += 1
        if (worker == null) worker = thread(isDaemon = true, name = "onceward-log") { while (pass()) Unit }
    }

    /** With its last lines. */
    fun stop() {
        val last = synchronized(this) {
            users -= 1
            if (users > 0) null else worker.also { worker = null }
        }
        if (last != null) {
            wakeLogs()
            last.join(WAIT.toMillis())
            drain()
        }
    }

    /** A logger that throws must not become an event's fate. */
    fun say(level: Level, fields: Map<String, String>, message: String, error: Throwable? = null) = safely(Unit) {
        val before = if (hasMdc) MDC.getCopyOfContextMap() else null
        try {
            if (hasMdc) MDC.setContextMap(fields)
            write(level, message, error)
        } finally {
            if (hasMdc) if (before == null) MDC.clear() else MDC.setContextMap(before)
        }
    }

    /** In the words of slf4j 1.7, which many programs have. */
    private fun write(level: Level, message: String, error: Throwable?) = when (level) {
        Level.ERROR -> logger.error(message, error)
        Level.WARN -> logger.warn(message, error)
        Level.INFO -> logger.info(message, error)
        Level.DEBUG -> logger.debug(message, error)
        Level.TRACE -> logger.trace(message, error)
    }

    private fun pass(): Boolean {
        nextLogs(MOST.toUInt(), WAIT).forEach(::write)
        return synchronized(this) { worker === Thread.currentThread() }
    }

    private fun drain() {
        while (true) {
            val lines = nextLogs(MOST.toUInt(), Duration.ZERO)
            if (lines.isEmpty()) return
            lines.forEach(::write)
        }
    }

    private fun write(line: NativeLine) {
        // Of several fields with one name the innermost counts, which stands first.
        val fields = line.fields.asReversed().associate { it.name to it.value }
        say(safely(Level.INFO) { Level.valueOf(line.level) }, fields, line.message)
    }
}
