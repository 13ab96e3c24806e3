use super::*;

fn width(task_type: &str, tasks: usize) -> Width {
    Width { queue: "default".to_owned(), task_type: task_type.to_owned(), tasks }
}

#[test]
fn what_is_written_is_read() {
    let widths = vec![width("a", 1), width("b-c", 64)];
    assert_eq!(read(write(&widths).as_ref()), widths);
    assert_eq!(write(&[]), None);
    assert_eq!(read(None), []);
}

#[test]
fn nonsense_is_passed_over() {
    let mut headers = HeaderMap::new();
    headers.insert(HEADER, "default.a=0,default.*=3,=,default.b=x,q.t=2,,a.b.c=1");
    let two = Width { queue: "q".to_owned(), task_type: "t".to_owned(), tasks: 2 };
    assert_eq!(read(Some(&headers)), [two]);
}
