//! From Rust values to the parameters of a statement.

use crate::inbox::Value;

/// Something that can be a parameter of `event.effect`.
pub trait IntoValue {
    /// The value as the store keeps it.
    fn into_value(self) -> Value;
}

/// The parameters of one statement: a tuple, an array, a vector, or `()` for none.
pub trait IntoParams {
    /// The values in the order of the placeholders.
    fn into_params(self) -> Vec<Value>;
}

macro_rules! integers {
    ($($integer:ty),*) => {$(
        impl IntoValue for $integer {
            fn into_value(self) -> Value {
                Value::Integer(i64::from(self))
            }
        }
    )*};
}
integers!(i8, i16, i32, i64, u8, u16, u32, bool);

impl IntoValue for f64 {
    fn into_value(self) -> Value {
        Value::Real(self)
    }
}

impl IntoValue for f32 {
    fn into_value(self) -> Value {
        Value::Real(f64::from(self))
    }
}

impl IntoValue for String {
    fn into_value(self) -> Value {
        Value::Text(self)
    }
}

impl IntoValue for &str {
    fn into_value(self) -> Value {
        Value::Text(self.to_owned())
    }
}

impl IntoValue for &String {
    fn into_value(self) -> Value {
        Value::Text(self.clone())
    }
}

impl IntoValue for Vec<u8> {
    fn into_value(self) -> Value {
        Value::Blob(self)
    }
}

impl IntoValue for &[u8] {
    fn into_value(self) -> Value {
        Value::Blob(self.to_vec())
    }
}

impl IntoValue for Value {
    fn into_value(self) -> Value {
        self
    }
}

impl<T: IntoValue> IntoValue for Option<T> {
    fn into_value(self) -> Value {
        self.map_or(Value::Null, IntoValue::into_value)
    }
}

impl IntoParams for () {
    fn into_params(self) -> Vec<Value> {
        Vec::new()
    }
}

impl<T: IntoValue> IntoParams for Vec<T> {
    fn into_params(self) -> Vec<Value> {
        self.into_iter().map(IntoValue::into_value).collect()
    }
}

impl<T: IntoValue, const N: usize> IntoParams for [T; N] {
    fn into_params(self) -> Vec<Value> {
        self.into_iter().map(IntoValue::into_value).collect()
    }
}

macro_rules! tuples {
    ($($name:ident),+) => {
        impl<$($name: IntoValue),+> IntoParams for ($($name,)+) {
            #[allow(non_snake_case, reason = "the type parameters name the bindings")]
            fn into_params(self) -> Vec<Value> {
                let ($($name,)+) = self;
                vec![$($name.into_value()),+]
            }
        }
    };
}
tuples!(A);
tuples!(A, B);
tuples!(A, B, C);
tuples!(A, B, C, D);
tuples!(A, B, C, D, E);
tuples!(A, B, C, D, E, F);
tuples!(A, B, C, D, E, F, G);
tuples!(A, B, C, D, E, F, G, H);
tuples!(A, B, C, D, E, F, G, H, I);
tuples!(A, B, C, D, E, F, G, H, I, J);
tuples!(A, B, C, D, E, F, G, H, I, J, K);
tuples!(A, B, C, D, E, F, G, H, I, J, K, L);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tuple_keeps_the_order_and_an_absent_value_is_null() {
        let params = ("o1", 9.5, Option::<i64>::None, true).into_params();
        assert_eq!(params, vec![Value::Text("o1".to_owned()), Value::Real(9.5), Value::Null, Value::Integer(1)]);
    }
}
