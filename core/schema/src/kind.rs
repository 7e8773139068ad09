//! The closed list of differences.

use serde::{Serialize, Serializer};

macro_rules! kinds {
    ($($variant:ident $name:literal $meaning:literal)*) => {
        /// What a difference is, for programs. The list is the same for all formats.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        #[non_exhaustive]
        pub enum Kind {
            $(#[doc = $meaning] $variant,)*
        }

        impl Kind {
            /// Every kind.
            pub const ALL: &'static [Self] = &[$(Self::$variant),*];

            /// As it is written in documents.
            #[must_use]
            pub fn name(self) -> &'static str {
                match self {
                    $(Self::$variant => $name,)*
                }
            }

            /// What it means, in a sentence.
            #[must_use]
            pub fn meaning(self) -> &'static str {
                match self {
                    $(Self::$variant => $meaning,)*
                }
            }
        }
    };
}

kinds! {
    FieldAdded "field_added" "A field that events may lack is new."
    RequiredFieldAdded "required_field_added" "A field that events must have is new."
    FieldRemoved "field_removed" "A field is gone."
    FieldRenamed "field_renamed" "A field is gone and one of the same type is new in its place."
    FieldRenamedWithAlias "field_renamed_with_alias" "A field has a new name, and its old one as an alias."
    FieldRenumbered "field_renumbered" "A field has another number."
    FieldMadeOptional "field_made_optional" "Events may lack a field that they always had, or have null there."
    FieldMadeRequired "field_made_required" "Events must have a field that they could lack."
    FieldMoved "field_moved" "The fields are in another order."
    TypeWidened "type_widened" "A type takes all that it took, and more."
    TypeNarrowed "type_narrowed" "A type takes only a part of what it took."
    TypeChanged "type_changed" "A type takes something else."
    LogicalTypeChanged "logical_type_changed" "The same bytes mean something else."
    DecimalChanged "decimal_changed" "A decimal has another scale or precision."
    SizeChanged "size_changed" "Fixed bytes have another length."
    NameChanged "name_changed" "A named type has another name."
    NamespaceChanged "namespace_changed" "A named type has another namespace."
    EnumWidened "enum_widened" "An enumeration has more values."
    EnumNarrowed "enum_narrowed" "An enumeration has fewer values."
    EnumDefaultRemoved "enum_default_removed" "An enumeration lost the value that stands for unknown ones."
    EnumValueRenamed "enum_value_renamed" "A number of an enumeration has another name."
    UnionWidened "union_widened" "A union has more members."
    UnionNarrowed "union_narrowed" "A union has fewer members."
    DefaultAdded "default_added" "A field has a default now."
    DefaultChanged "default_changed" "A field has another default."
    DefaultRemoved "default_removed" "A field has no default any more."
    DefaultInvalid "default_invalid" "A default does not fit the type of its field."
    DocumentationChanged "documentation_changed" "Words for people changed."
    LimitTightened "limit_tightened" "A limit of a value, a length or a count is tighter, or new."
    LimitLoosened "limit_loosened" "A limit of a value, a length or a count is looser, or gone."
    PatternChanged "pattern_changed" "A pattern of a text changed, came or went."
    FormatAnnotationChanged "format_annotation_changed" "The `format` of a text changed, came or went."
    ContentClosed "content_closed" "Properties or items that the schema does not name are refused, or refused more often."
    ContentOpened "content_opened" "Properties or items that the schema does not name are allowed, or allowed more often."
    MemberAdded "member_added" "A combination (oneOf, anyOf, allOf) has one more member."
    MemberRemoved "member_removed" "A combination (oneOf, anyOf, allOf) has one member less."
    CombinationChanged "combination_changed" "Schemas are combined in another way."
    ConditionChanged "condition_changed" "A condition (if, then, else, not) changed."
    DependencyAdded "dependency_added" "A property requires another one."
    DependencyRemoved "dependency_removed" "A property does not require another one any more."
    PackageChanged "package_changed" "The package of a file changed."
    SyntaxChanged "syntax_changed" "The syntax of a file changed between proto2 and proto3."
    MessageAdded "message_added" "A message is new."
    MessageRemoved "message_removed" "A message is gone."
    EnumAdded "enum_added" "An enumeration is new."
    EnumRemoved "enum_removed" "An enumeration is gone."
    CardinalityChanged "cardinality_changed" "A field changed between single, repeated and map."
    PresenceChanged "presence_changed" "A field tells unset from its default now, or does not any more."
    OneofEntered "oneof_entered" "A field that stood alone is in a oneof."
    OneofLeft "oneof_left" "A field that was in a oneof stands alone, or is in another one."
    OneofMemberRemoved "oneof_member_removed" "A oneof lost a field."
    ReservationRemoved "reservation_removed" "A number or name that must not be used again is free."
    JsonNameChanged "json_name_changed" "A field has another name in JSON."
    FormatChanged "format_changed" "The schema is written in another language."
    More "more" "There are more differences than are reported."
}

impl Serialize for Kind {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.name())
    }
}
