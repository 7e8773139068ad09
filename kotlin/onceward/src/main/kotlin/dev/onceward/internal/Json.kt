package dev.onceward.internal

/** JSON as this library needs it, without a dependency: strict (RFC 8259), so that what one language refuses no other one reads. */
internal object Json {
    fun write(value: Any?): String = StringBuilder().also { write(value, it) }.toString()

    private fun write(value: Any?, to: StringBuilder) {
        when (value) {
            null -> to.append("null")
            is Boolean, is Int, is Long, is Short, is Byte -> to.append(value)
            is Number -> to.append(value.toDouble().also { require(it.isFinite()) { "$value is no number of JSON" } })
            is CharSequence -> quote(value, to)
            is Enum<*> -> quote(value.name, to)
            is Map<*, *> -> {
                to.append('{')
                value.entries.forEachIndexed { place, (name, one) ->
                    if (place > 0) to.append(',')
                    quote(name.toString(), to)
                    to.append(':')
                    write(one, to)
                }
                to.append('}')
            }
            is Iterable<*> -> {
                to.append('[')
                value.forEachIndexed { place, one ->
                    if (place > 0) to.append(',')
                    write(one, to)
                }
                to.append(']')
            }
            else -> throw IllegalArgumentException(
                "${value.javaClass.name} can't be written as JSON here: give a map, a list, a string, a number, a boolean or null, or write it yourself",
            )
        }
    }

    private fun quote(text: CharSequence, to: StringBuilder) {
        to.append('"')
        for (char in text) {
            when {
                char == '"' || char == '\\' -> to.append('\\').append(char)
                char < ' ' -> to.append("\\u%04x".format(char.code))
                else -> to.append(char)
            }
        }
        to.append('"')
    }

    /** Maps, lists, strings, longs or doubles, booleans, null. */
    fun read(text: String): Any? = Reader(text).whole()

    class Wrong(val place: Int) : RuntimeException("at position $place")

    private class Reader(private val text: String) {
        private var at = 0

        fun whole(): Any? {
            val found = value(0)
            space()
            if (at < text.length) throw Wrong(at)
            return found
        }

        private fun value(depth: Int): Any? {
            // A stack is no place for an attacker's brackets.
            if (depth > DEEPEST) throw Wrong(at)
            space()
            return when (peek()) {
                '{' -> table(depth)
                '[' -> list(depth)
                '"' -> string()
                't' -> word("true", true)
                'f' -> word("false", false)
                'n' -> word("null", null)
                else -> number()
            }
        }

        private fun table(depth: Int): Map<String, Any?> {
            val found = LinkedHashMap<String, Any?>()
            at += 1
            if (closed('}')) return found
            while (true) {
                space()
                if (peek() != '"') throw Wrong(at)
                val name = string()
                space()
                expect(':')
                found[name] = value(depth + 1)
                if (closed('}')) return found
                expect(',')
            }
        }

        private fun list(depth: Int): List<Any?> {
            val found = ArrayList<Any?>()
            at += 1
            if (closed(']')) return found
            while (true) {
                found.add(value(depth + 1))
                if (closed(']')) return found
                expect(',')
            }
        }

        private fun string(): String {
            at += 1
            val begin = at
            while (at < text.length && text[at] != '"' && text[at] != '\\' && text[at] >= ' ') at += 1
            if (peek() == '"') return text.substring(begin, at++)
            val found = StringBuilder(text.substring(begin, at))
            while (true) {
                val char = peek()
                when {
                    char == '"' -> {
                        at += 1
                        return found.toString()
                    }
                    char == '\\' -> found.append(escaped())
                    char < ' ' -> throw Wrong(at)
                    else -> found.append(text[at++])
                }
            }
        }

        private fun escaped(): Char {
            at += 1
            val place = ESCAPES.indexOf(peek())
            at += 1
            if (place >= 0) return MEANT[place]
            if (text[at - 1] != 'u' || at + 4 > text.length) throw Wrong(at - 1)
            val digits = text.substring(at, at + 4)
            if (!digits.all { it in '0'..'9' || it in 'a'..'f' || it in 'A'..'F' }) throw Wrong(at)
            at += 4
            return digits.toInt(16).toChar()
        }

        private fun number(): Any {
            val found = NUMBER.matchAt(text, at)?.value ?: throw Wrong(at)
            at += found.length
            return found.toLongOrNull() ?: found.toDouble()
        }

        private fun word(word: String, meant: Any?): Any? {
            if (!text.startsWith(word, at)) throw Wrong(at)
            at += word.length
            return meant
        }

        private fun closed(char: Char): Boolean {
            space()
            val found = peek() == char
            if (found) at += 1
            return found
        }

        private fun expect(char: Char) {
            if (peek() != char) throw Wrong(at)
            at += 1
        }

        private fun space() {
            while (at < text.length && text[at] in " \t\r\n") at += 1
        }

        private fun peek(): Char = if (at < text.length) text[at] else throw Wrong(at)
    }

    private const val DEEPEST = 128
    private const val ESCAPES = "\"\\/bfnrt"
    private const val MEANT = "\"\\/\b\u000c\n\r\t"
    private val NUMBER = Regex("-?(0|[1-9][0-9]*)(\\.[0-9]+)?([eE][+-]?[0-9]+)?")
}
