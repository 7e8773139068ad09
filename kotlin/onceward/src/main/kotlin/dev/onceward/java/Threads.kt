package dev.onceward.java

import java.util.concurrent.Executor
import java.util.concurrent.Executors
import java.util.concurrent.atomic.AtomicInteger
import kotlin.concurrent.thread
import kotlinx.coroutines.CoroutineDispatcher
import kotlinx.coroutines.asCoroutineDispatcher

/** Threads for handlers that block. There are as many as the consumer's `concurrency` lets be in flight, and no more. */
internal object Threads {
    private val numbers = AtomicInteger()

    val dispatcher: CoroutineDispatcher by lazy { (virtual() ?: cached()).asCoroutineDispatcher() }

    /** Java 21 and later; this library is compiled for 17. */
    private fun virtual(): Executor? =
        runCatching { Executors::class.java.getMethod("newVirtualThreadPerTaskExecutor").invoke(null) as Executor }.getOrNull()

    private fun cached(): Executor = Executors.newCachedThreadPool { task ->
        thread(start = false, isDaemon = true, name = "onceward-handler-${numbers.incrementAndGet()}") { task.run() }
    }
}
