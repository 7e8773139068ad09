package dev.onceward.internal

import dev.onceward.HaltedException
import java.io.InputStream
import java.nio.file.Files
import java.nio.file.Path
import java.nio.file.StandardCopyOption

/** Finds the native library: in the jar, or where the system property `onceward.library` says. */
internal object Library {
    private const val NAME = "onceward_kotlin"
    private const val PROPERTY = "onceward.library"
    private val FOLDERS = mapOf("amd64" to "x86-64", "x86_64" to "x86-64", "aarch64" to "aarch64", "arm64" to "aarch64")

    private val loaded: Unit by lazy {
        val given = System.getProperty(PROPERTY)
        if (given != null) open(Path.of(given).toAbsolutePath()) else unpacked { open(it) }
    }

    /** Loads it once for this class loader. */
    fun load() = loaded

    /** Both ways to the library lead to one file: so it is loaded once, and has one memory. */
    private fun open(file: Path) {
        try {
            System.load(file.toString())
        } catch (error: UnsatisfiedLinkError) {
            throw HaltedException("$file can't be loaded: ${error.message}", error)
        }
        System.setProperty("uniffi.component.$NAME.libraryOverride", file.toString())
        uniffiEnsureInitialized()
    }

    private fun unpacked(use: (Path) -> Unit) {
        val (folder, file) = place()
        val resource = "/dev/onceward/native/$folder/$file"
        val found: InputStream = Library::class.java.getResourceAsStream(resource) ?: throw HaltedException(
            "this jar has no native library for $folder; build one with `cargo build --release -p onceward-kotlin` on such a machine, and name " +
                "it with -D$PROPERTY=/path/to/$file",
        )
        // A folder of our own, which nobody else can write to.
        val own = Files.createTempDirectory("onceward-")
        val copy = own.resolve(file)
        try {
            found.use { Files.copy(it, copy, StandardCopyOption.REPLACE_EXISTING) }
            use(copy)
        } finally {
            // Linux and macOS keep what is mapped; elsewhere it goes with the process.
            for (path in listOf(copy, own)) if (!path.toFile().delete()) path.toFile().deleteOnExit()
        }
    }

    private fun place(): Pair<String, String> {
        val system = System.getProperty("os.name").lowercase()
        val machine = System.getProperty("os.arch").lowercase().let { FOLDERS[it] ?: it }
        return when {
            system.startsWith("mac") -> "darwin-$machine" to "lib$NAME.dylib"
            system.startsWith("windows") -> "win32-$machine" to "$NAME.dll"
            else -> "linux-$machine" to "lib$NAME.so"
        }
    }
}
